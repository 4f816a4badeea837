import { createHash } from 'node:crypto';
import type { Request } from 'express';
import { AppError, errorCatalogue, invalidFields, isAppError } from '../shared/errors.ts';
import type { Claim, ClaimResult, IdempotencyStore, IdempotentCall, StoredAnswer } from '../store/idempotency.ts';
import type { Logger } from '../telemetry/logger.ts';
import { readWaitSeconds } from './preferences.ts';
import type { Call, Reply, Route } from './route.ts';

export const IDEMPOTENCY_HEADER = 'Idempotency-Key';
export const REPLAYED_HEADER = 'Idempotent-Replayed';
export const KEY_PATTERN = '^[\\x21-\\x7E]{1,255}$';
const KEY = new RegExp(KEY_PATTERN);
/** Longer than any call takes that is not held; if one does take longer, its seed still keeps the jobs from doubling. */
const LOCK_MS = 30_000;

/** A longer answer is made again from what the call has made before, which its seed finds. */
const KEPT_BYTES = 4_194_304;

/** @throws INVALID_FIELDS for a key that is none */
export function readKey(request: Pick<Request, 'get'>): string | undefined {
  const key = request.get(IDEMPOTENCY_HEADER);
  if (key === undefined || KEY.test(key)) return key;
  const message = 'must be 1 to 255 visible ASCII characters, without spaces';
  throw invalidFields([{ path: IDEMPOTENCY_HEADER, message }]);
}

/**
 * Answers a call once: the same key and request get the first answer again, whatever has happened since.
 * @throws IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_FLIGHT, STORE_UNAVAILABLE, and what `handle` throws
 */
export async function answerOnce(
  { idempotency: store, log }: { idempotency: IdempotencyStore; log: Logger },
  each: Route,
  key: string,
  call: Call,
  handle: (call: Call) => Promise<Reply | undefined>,
): Promise<Reply | undefined> {
  const named = nameCall(each, key, call);
  const held = (readWaitSeconds(call.request) ?? 0) * 1000;
  const claim = await store.claim(named, call.seed, LOCK_MS + held);
  if (claim.kind !== 'new') return answerFrom(claim, key);
  // The outcome stands whether or not this can be written: the lock ends by itself, and the seed leads to the same jobs.
  const keep = (writing: Promise<void>) =>
    writing.catch((error: unknown) => log.warn('the outcome of an idempotent call could not be kept', { error }));
  try {
    const reply = await handle({ ...call, seed: claim.seed });
    const isKept = reply?.json === undefined || reply.json.bytes <= KEPT_BYTES;
    if (reply) await keep(isKept ? store.complete(named, claim, toStored(reply)) : store.unlock(named, claim));
    return reply;
  } catch (error) {
    await keep(hadNoEffect(error, claim) ? store.release(named, claim) : store.unlock(named, claim));
    throw error;
  }
}

// A refusal comes before anything is stored. Not so where the first time is unknown, or where NOT_FOUND says that what was
// made is gone already, such as a job that was deleted while it was waited for.
function hadNoEffect(error: unknown, claim: Claim): boolean {
  if (!isAppError(error) || claim.isRepeated) return false;
  return errorCatalogue[error.code].status < 500 && error.code !== 'NOT_FOUND';
}

function answerFrom(claim: Exclude<ClaimResult, { kind: 'new' }>, key: string): Reply {
  switch (claim.kind) {
    case 'replay':
      return {
        status: claim.statusCode,
        headers: { ...claim.headers, [REPLAYED_HEADER]: 'true' },
        body: JSON.parse(claim.body),
      };
    case 'in_flight':
      throw new AppError('IDEMPOTENCY_IN_FLIGHT', `the first call with the key "${key}" has not been answered yet`);
    case 'other_body':
      throw new AppError('IDEMPOTENCY_KEY_REUSED', `the key "${key}" came with another request before; take a new one`);
  }
}

function nameCall(each: Route, key: string, { caller, params, query, body, hasLines, request }: Call): IdempotentCall {
  return {
    tenant: caller.scope === 'all' ? '*' : caller.scope.tenant,
    route: `${each.method.toUpperCase()} ${each.path}`,
    key,
    requestHash: hashJson({
      params,
      query,
      body: each.reads === 'stream' || hasLines ? describeStream(request) : body,
    }),
  };
}

// What is known of a stream before it is read; a repeated call is answered without reading it.
function describeStream({ headers }: Call['request']): Record<string, string | null> {
  const names = ['content-type', 'content-length', 'content-disposition'] as const;
  return Object.fromEntries(names.map((name) => [name, headers[name] ?? null]));
}

function toStored({ status, headers = {}, body, keptBody = body, json }: Reply): StoredAnswer {
  return { statusCode: status, headers, body: json ? [...json.write()].join('') : JSON.stringify(keptBody ?? null) };
}

/** The same for the same JSON, whatever the order of its keys. */
export function hashJson(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(value, 0)))
    .digest('base64url');
}

// What is nested deeper is refused, but the parts of a bulk request have not been looked at yet.
const MAX_DEPTH = 600;

function sortKeys(value: unknown, depth: number): unknown {
  if (value === null || typeof value !== 'object' || depth > MAX_DEPTH) return typeof value === 'object' ? null : value;
  if (Array.isArray(value)) return value.map((item) => sortKeys(item, depth + 1));
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item, depth + 1)]));
}
