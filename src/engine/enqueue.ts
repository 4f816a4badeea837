import type { EnqueueRequest } from '../contract/enqueue.ts';
import { AppError } from '../shared/errors.ts';
import { createId } from '../shared/ids.ts';
import { type JobOrigin, ownOrigin, prepareJob } from './check-request.ts';
import type { Caller, Engine } from './engine.ts';
import { type Enqueued, recordJobs } from './record-jobs.ts';

export interface EnqueueOptions extends Partial<Pick<JobOrigin, 'id' | 'parentId'>> {
  jsonBytes?: number | undefined;
}

/**
 * Accepts a job: validates it, commits its row, and hands it over behind the answer.
 * @param options give the same `id` again to find the job of a call that may have been made before; `jsonBytes` as in
 * {@link prepareJob}
 * @returns the committed row, or the job that holds the request's deduplication key
 * @throws UNKNOWN_TYPE, INVALID_FIELDS with every fault, ADDRESS_REFUSED, STORE_UNAVAILABLE (nothing was stored)
 */
export async function enqueueJob(
  engine: Engine,
  caller: Caller,
  request: EnqueueRequest,
  { id = createId(), parentId = null, jsonBytes }: EnqueueOptions = {},
): Promise<Enqueued> {
  const job = await prepareJob(engine, caller, request, ownOrigin(id, parentId), jsonBytes);
  const [enqueued] = await recordJobs(engine, [job]);
  if (!enqueued) throw new AppError('INTERNAL', `the new job ${id} could not be recorded`);
  return enqueued;
}
