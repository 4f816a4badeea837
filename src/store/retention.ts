import type { Database } from './database.ts';
import type { JobRow } from './job-row.ts';

/** What of a job may still lie elsewhere. */
export type RemovedJob = Pick<JobRow, 'id' | 'tenant'>;

/** Removes what is older than people want it kept. In small batches that skip rows which somebody works on. */
export function createRetentionStore(database: Database) {
  return {
    /** Removes jobs that completed, were cancelled or expired so long ago. Walks `jobs_ended`. @returns them */
    removeEnded(days: number, limit: number): Promise<RemovedJob[]> {
      return remove(database, removeJobs(`j.status in ('completed', 'cancelled', 'expired')`), [days, limit]);
    },

    /** The same for jobs that failed. Walks `jobs_failed_at`. */
    removeFailed(days: number, limit: number): Promise<RemovedJob[]> {
      return remove(database, removeJobs(`j.status = 'failed'`), [days, limit]);
    },

    /** @returns those of these ids that neither a job nor an upload has */
    async findGone(ids: readonly string[]): Promise<string[]> {
      const rows = await database.query<{ id: string }>(
        `select given.id
         from unnest($1::uuid[]) as given(id)
         where not exists (select 1 from longshore.jobs j where j.id = given.id)
           and not exists (select 1 from longshore.files f where f.id = given.id and f.is_upload)`,
        [ids],
      );
      return rows.map(({ id }) => id);
    },

    removeBulkActions(days: number, limit: number): Promise<number> {
      return count(database, REMOVE_BULK_ACTIONS, [days, limit]);
    },

    /** Forgets kinds of failures that were last told so long ago. */
    removeAlerts(days: number): Promise<number> {
      return count(
        database,
        `delete from longshore.alerts where notified_until < now() - $1::integer * interval '1 day' returning fingerprint`,
        [days],
      );
    },
  };
}

/** A job may have a million log lines, which go with it. */
const TIMEOUT_MS = 600_000;

async function count(database: Database, statement: string, values: unknown[]): Promise<number> {
  return (await database.query(statement, values, { timeoutMs: TIMEOUT_MS })).length;
}

function remove(database: Database, statement: string, values: unknown[]): Promise<RemovedJob[]> {
  return database.query<RemovedJob>(statement, values, { timeoutMs: TIMEOUT_MS });
}

// A delivery that is still to be sent keeps its job: it would be lost with it (I4). So does the pipeline of a step: it reads
// the results whenever it runs again, also when it is retried.
function removeJobs(condition: string): string {
  return `
  with old as (
    select j.id
    from longshore.jobs j
    where ${condition}
      and j.finished_at < now() - $1::integer * interval '1 day'
      and not exists (
        select 1 from longshore.webhook_deliveries d where d.job_id = j.id and d.status = 'pending')
      and (j.step_key is null or not exists (select 1 from longshore.jobs p where p.id = j.parent_id))
    order by j.finished_at
    limit $2
    for update of j skip locked
  )
  delete from longshore.jobs j
  using old
  where j.id = old.id
  returning j.id, j.tenant`;
}

const REMOVE_BULK_ACTIONS = `
  with old as (
    select b.id
    from longshore.bulk_actions b
    where b.status <> 'running' and b.finished_at < now() - $1::integer * interval '1 day'
    limit $2
    for update skip locked
  )
  delete from longshore.bulk_actions b
  using old
  where b.id = old.id
  returning b.id`;
