import type { JobFilter } from '../contract/filter.ts';
import { isTerminal } from '../contract/job.ts';
import { type Page, toPage } from '../contract/list.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import { isId } from '../shared/ids.ts';
import type { JobRow } from '../store/job-row.ts';
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

/** Lists jobs, newest first. @throws INVALID_FIELDS for a cursor of another list */
export async function listJobs(
  engine: Engine,
  caller: Caller,
  filter: JobFilter,
  limit: number,
  cursor: string | undefined,
): Promise<Page<JobRow>> {
  if (cursor !== undefined && !isId(cursor)) {
    throw invalidFields([{ path: 'cursor', message: 'is not a cursor of this list' }]);
  }
  const rows = await engine.store.jobs.list(caller.scope, filter, limit + 1, cursor ?? null);
  return toPage(rows, limit, (row) => row.id);
}
