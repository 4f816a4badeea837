import type { JobFilter } from '../contract/filter.ts';
import { isTerminal } from '../contract/job.ts';
import type { Page } from '../contract/list.ts';
import { AppError } from '../shared/errors.ts';
import { isId, UUID } from '../shared/ids.ts';
import type { JobRow } from '../store/job-row.ts';
import { readCursor, writeCursor } from './cursors.ts';
import type { Caller, Engine } from './engine.ts';

/** @throws NOT_FOUND, also for another tenant's job */
export async function requireJob(engine: Engine, caller: Caller, id: string): Promise<JobRow> {
  const job = isId(id) ? await engine.store.jobs.get(caller.scope, id) : undefined;
  if (!job) throw new AppError('NOT_FOUND', `there is no job ${id}`);
  return job;
}

/** Reads a job, holding until it has ended or `waitMs` has passed. @throws NOT_FOUND */
export async function waitForJob(
  engine: Engine,
  caller: Caller,
  id: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<JobRow> {
  const deadline = Date.now() + waitMs;
  const watch = engine.watcher.watch(id);
  try {
    for (;;) {
      const job = await requireJob(engine, caller, id);
      const leftMs = deadline - Date.now();
      if (isTerminal(job.status) || leftMs <= 0 || signal.aborted) return job;
      await watch.changed(leftMs, signal);
    }
  } finally {
    watch.close();
  }
}

/**
 * Lists jobs, newest first. A page may have fewer than `limit` before the end, even none: then so many jobs were looked at.
 * @param list the name of the list, whose cursors no other takes
 * @throws INVALID_FIELDS for a cursor of another query
 */
export async function listJobs(
  engine: Engine,
  caller: Caller,
  { list, filter, limit, cursor }: { list: string; filter: JobFilter; limit: number; cursor: string | undefined },
): Promise<Page<JobRow>> {
  const query = { list, caller, filter };
  const beforeId = readCursor(query, cursor, UUID);
  const { rows, nextBeforeId } = await engine.store.jobs.list(caller.scope, filter, limit, beforeId);
  return { items: rows, nextCursor: nextBeforeId === null ? null : writeCursor(query, nextBeforeId) };
}
