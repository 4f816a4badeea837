import type { EnqueueRequest } from '../contract/enqueue.ts';
import { parseInput } from '../define/check-input.ts';
import type { JobDefinition } from '../define/job.ts';
import type { Backoff } from '../shared/backoff.ts';
import { AppError, type FieldError, invalidFields } from '../shared/errors.ts';
import { encodeJson, findUnstorableText } from '../shared/json.ts';
import { type Caller, DEFAULT_TENANT, type Engine } from './engine.ts';
import type { PreparedJob } from './record-jobs.ts';

/** No JSON becomes longer than that many times itself when it is parsed and encoded again. */
const MAX_GROWTH = 6;

/** What a new job is beside what its caller says. */
export interface JobOrigin extends Pick<PreparedJob, 'parentId' | 'stepKey' | 'stepIndex' | 'isHeldBack'> {
  id: string;
  /** The schedule that it is due by. */
  scheduleId?: string;
}

/** The origin of a job that is no step of a pipeline. */
export function ownOrigin(id: string, parentId: string | null = null): JobOrigin {
  return { id, parentId, stepKey: null, stepIndex: null, isHeldBack: false };
}

/**
 * Makes the job that a request asks for; nothing is stored yet.
 * @param jsonBytes how long the text is that the request was read from, or is a part of; spares measuring what is short
 * @throws UNKNOWN_TYPE, INVALID_FIELDS with every fault, ADDRESS_REFUSED
 */
export async function prepareJob(
  engine: Engine,
  caller: Caller,
  request: EnqueueRequest,
  origin: JobOrigin,
  jsonBytes?: number,
): Promise<PreparedJob> {
  const definition = findDefinition(engine, request.type);
  const tenant = chooseTenant(caller, request.options.tenant);
  const faults = [
    ...(await checkInput(engine, definition, request.input, jsonBytes)),
    ...checkOptions(engine, request.options, jsonBytes),
    ...(tenant === undefined ? [{ path: 'options.tenant', message: 'is not the tenant of this key' }] : []),
  ];
  if (tenant === undefined || faults.length > 0) throw invalidFields(faults);
  const { webhook } = request.options;
  if (webhook) await checkWebhookAddress(engine, webhook.url, 'options.webhook.url');
  return toNewJob(definition, request, tenant, origin);
}

/** Lists what is wrong with the type and input of a request, also of one whose options are wrong as well. */
export async function findInputFaults(engine: Engine, body: unknown): Promise<FieldError[]> {
  const { type, input } = (body ?? {}) as { type?: unknown; input?: unknown };
  if (typeof type !== 'string' || input === undefined) return []; // the request's own schema tells that
  const definition = engine.registry.definitions.get(type);
  return definition ? checkInput(engine, definition, input) : [unknownType(engine, type)];
}

function findDefinition(engine: Engine, type: string): JobDefinition {
  const definition = engine.registry.definitions.get(type);
  if (definition) return definition;
  const fault = unknownType(engine, type);
  throw new AppError('UNKNOWN_TYPE', `there is no job type "${type}"; ${fault.message}`, { errors: [fault] });
}

function unknownType(engine: Engine, type: string): FieldError {
  const known = [...engine.registry.definitions.keys()].sort().join(', ');
  return { path: 'type', message: `"${type}" is not one of: ${known}` };
}

async function checkInput(
  engine: Engine,
  definition: JobDefinition,
  input: unknown,
  jsonBytes?: number,
): Promise<FieldError[]> {
  const parsed = await parseInput(definition, input, engine.registry);
  const faults = [...(parsed.ok ? [] : parsed.faults), ...findUnstorableText(input, 'input')];
  return faults.length > 0 ? faults : checkSize(engine, input, 'input', jsonBytes);
}

function checkOptions(engine: Engine, options: EnqueueRequest['options'], jsonBytes?: number): FieldError[] {
  const { queue, metadata = {}, tags, deduplicationKey, concurrencyKey } = options;
  const faults = findUnstorableText({ metadata, tags, deduplicationKey, concurrencyKey }, 'options');
  if (queue !== undefined && !engine.registry.queues.has(queue)) {
    const known = [...engine.registry.queues.keys()].sort().join(', ');
    faults.push({ path: 'options.queue', message: `no worker serves "${queue}"; queues are: ${known}` });
  }
  return faults.length > 0 ? faults : checkSize(engine, metadata, 'options.metadata', jsonBytes);
}

// A value may be too large although the text that it came from was not: `1e20`, the worst, is kept as 21 digits. And a part
// of a bulk request may come from a text that is larger than one request may be.
export function checkSize(engine: Engine, value: unknown, path: string, jsonBytes?: number): FieldError[] {
  const limit = engine.settings.maxInputBytes;
  if (jsonBytes !== undefined && jsonBytes * MAX_GROWTH <= limit) return [];
  const encoded = encodeJson(value, limit);
  return encoded.ok ? [] : [{ path, message: encoded.fault }];
}

/**
 * @param path of the field that says the address
 * @throws ADDRESS_REFUSED
 */
export async function checkWebhookAddress(engine: Engine, url: string, path: string): Promise<void> {
  try {
    await engine.outbound.checkUrl(url);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, error.message, {
      errors: [{ path, message: error.message }],
      cause: error,
    });
  }
}

/**
 * Whose a new job or upload is.
 * @returns undefined when the caller names a tenant that is not its own
 */
export function chooseTenant(caller: Caller, wanted: string | undefined): string | undefined {
  if (caller.scope === 'all') return wanted ?? DEFAULT_TENANT;
  return wanted === undefined || wanted === caller.scope.tenant ? caller.scope.tenant : undefined;
}

function toNewJob(definition: JobDefinition, request: EnqueueRequest, tenant: string, origin: JobOrigin): PreparedJob {
  const { options } = request;
  const queue = options.queue ?? definition.queue.name;
  return {
    ...origin,
    tenant,
    type: definition.type,
    queue,
    priority: options.priority ?? 0,
    tags: options.tags ?? [],
    metadata: options.metadata ?? {},
    input: request.input,
    maxAttempts: options.attempts ?? definition.attempts,
    backoff: (options.backoff as Backoff | undefined) ?? null,
    timeoutMs: options.timeoutMs ?? definition.timeoutMs,
    webhook: options.webhook ?? null,
    scheduleId: origin.scheduleId ?? null,
    batchId: options.batchId ?? null,
    concurrencyKey: options.concurrencyKey ?? null,
    deduplicationKey: options.deduplicationKey ?? null,
    foreignId: null,
    delayMs: options.delayMs ?? null,
    runAt: options.runAt ?? null,
    ttlMs: options.ttlMs ?? null,
  };
}
