import type { BulkAnswer } from '../contract/bulk.ts';
import type { EnqueueRequest } from '../contract/enqueue.ts';
import { AppError, errorCatalogue, type FieldError } from '../shared/errors.ts';
import { deriveIds } from '../shared/ids.ts';
import { ownOrigin, prepareJob } from './check-request.ts';
import type { Caller, Engine } from './engine.ts';
import { type Enqueued, type PreparedJob, recordEach } from './record-jobs.ts';

/** One job of a bulk request, as far as the request itself was checked. */
export type BulkPart = { ok: true; value: EnqueueRequest } | { ok: false; faults: FieldError[] };

type Checked = { index: number } & ({ ok: true; job: PreparedJob } | { ok: false; faults: readonly FieldError[] });

/**
 * Accepts many jobs: checks each by itself, commits the good ones in one statement, and hands them over behind the answer.
 * @param seed the ids follow from it: the same seed again finds the jobs of a call that may have been made before
 * @param jsonBytes as in {@link prepareJob}
 * @throws STORE_UNAVAILABLE
 */
export async function enqueueBulk(
  engine: Engine,
  caller: Caller,
  seed: string,
  parts: readonly BulkPart[],
  jsonBytes?: number,
): Promise<BulkAnswer> {
  const ids = deriveIds(seed, parts.length);
  const checked = await Promise.all(
    parts.map((part, index) =>
      part.ok ? checkPart(engine, caller, part.value, { index, id: ids[index] ?? '', jsonBytes }) : { index, ...part },
    ),
  );
  const good = checked.filter((part) => part.ok);
  const recorded =
    good.length === 0
      ? []
      : await recordEach(
          engine,
          good.map((part) => part.job),
        );
  const enqueued = recorded.filter((each): each is Enqueued => !(each instanceof AppError));
  return {
    accepted: enqueued.length,
    rejected: [
      ...checked.flatMap((part) => (part.ok ? [] : { index: part.index, errors: [...part.faults] })),
      ...good.flatMap(({ index }, place) => toRejection(index, recorded[place])),
    ].sort((one, other) => one.index - other.index),
    ids: enqueued.map(({ job }) => job.id),
    deduplicated: good.flatMap(({ index }, place) => (isDeduplicated(recorded[place]) ? index : [])),
  };
}

function toRejection(index: number, recorded: Enqueued | AppError | undefined): BulkAnswer['rejected'] {
  return recorded instanceof AppError ? [{ index, errors: [{ path: '', message: recorded.message }] }] : [];
}

function isDeduplicated(recorded: Enqueued | AppError | undefined): boolean {
  return recorded !== undefined && !(recorded instanceof AppError) && recorded.isDeduplicated;
}

async function checkPart(
  engine: Engine,
  caller: Caller,
  request: EnqueueRequest,
  { index, id, jsonBytes }: { index: number; id: string; jsonBytes: number | undefined },
): Promise<Checked> {
  try {
    return { index, ok: true, job: await prepareJob(engine, caller, request, ownOrigin(id), jsonBytes) };
  } catch (error) {
    if (!(error instanceof AppError) || errorCatalogue[error.code].status !== 422) throw error;
    return { index, ok: false, faults: error.errors ?? [{ path: '', message: error.message }] };
  }
}
