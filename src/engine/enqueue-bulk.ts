import type { BulkAnswer } from '../contract/bulk.ts';
import type { EnqueueRequest } from '../contract/enqueue.ts';
import { AppError, errorCatalogue, type FieldError, isAppError } from '../shared/errors.ts';
import { deriveIds } from '../shared/ids.ts';
import { ownOrigin, prepareJob } from './check-request.ts';
import type { Caller, Engine } from './engine.ts';
import { type PreparedJob, recordEach } from './record-jobs.ts';

/** One job of a bulk request, as far as the request itself was checked. */
export type BulkPart = { ok: true; value: EnqueueRequest } | { ok: false; faults: FieldError[] };

/** One that has been checked, with its place in the request. */
export type CheckedPart = { index: number } & (
  | { ok: true; job: PreparedJob }
  | { ok: false; faults: readonly FieldError[] }
);

export interface BulkOptions {
  /** The batch of all jobs that name no other. */
  batchId?: string | undefined;
  /** As in {@link prepareJob}. */
  jsonBytes?: number | undefined;
}

/**
 * Accepts many jobs: checks each by itself, commits the good ones in one statement, and hands them over behind the answer.
 * @param seed the ids follow from it: the same seed again finds the jobs of a call that may have been made before
 * @throws STORE_UNAVAILABLE
 */
export async function enqueueBulk(
  engine: Engine,
  caller: Caller,
  seed: string,
  parts: readonly BulkPart[],
  options: BulkOptions = {},
): Promise<BulkAnswer> {
  return recordParts(engine, await checkParts(engine, caller, seed, parts, options));
}

/** Checks each part by itself; nothing is stored yet. */
export function checkParts(
  engine: Engine,
  caller: Caller,
  seed: string,
  parts: readonly BulkPart[],
  options: BulkOptions = {},
): Promise<CheckedPart[]> {
  const ids = deriveIds(seed, parts.length);
  return Promise.all(
    parts.map((part, index) => checkPart(engine, caller, part, { ...options, index, id: ids[index] ?? '' })),
  );
}

export async function checkPart(
  engine: Engine,
  caller: Caller,
  part: BulkPart,
  { index, id, batchId, jsonBytes }: BulkOptions & { index: number; id: string },
): Promise<CheckedPart> {
  if (!part.ok) return { index, ...part };
  const { value } = part;
  const request = batchId === undefined ? value : { ...value, options: { batchId, ...value.options } };
  try {
    return { index, ok: true, job: await prepareJob(engine, caller, request, ownOrigin(id), jsonBytes) };
  } catch (error) {
    return { index, ok: false, faults: faultsOf(error) };
  }
}

/** Commits those that are good. @throws STORE_UNAVAILABLE */
export async function recordParts(engine: Engine, parts: readonly CheckedPart[]): Promise<BulkAnswer> {
  const good = parts.filter((part) => part.ok);
  const jobs = good.map(({ job }) => job);
  const outcomes = jobs.length === 0 ? [] : await recordEach(engine, jobs);
  const places = new Map(good.map(({ index }, place) => [index, place]));
  const answer: BulkAnswer = { accepted: 0, rejected: [], ids: [], deduplicated: [] };
  for (const part of parts) {
    const outcome = outcomes[places.get(part.index) ?? -1];
    if (!part.ok) answer.rejected.push({ index: part.index, errors: [...part.faults] });
    else if (isAppError(outcome)) answer.rejected.push({ index: part.index, errors: listFaults(outcome) });
    else if (outcome) {
      answer.accepted += 1;
      answer.ids.push(outcome.job.id);
      if (outcome.isDeduplicated) answer.deduplicated.push(part.index);
    }
  }
  return answer;
}

/** What is wrong with one job; any other error concerns all of them. */
function faultsOf(error: unknown): readonly FieldError[] {
  if (!(error instanceof AppError) || errorCatalogue[error.code].status !== 422) throw error;
  return listFaults(error);
}

function listFaults({ errors, message }: AppError): FieldError[] {
  return errors ? [...errors] : [{ path: '', message }];
}
