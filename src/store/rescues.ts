import type { Database } from './database.ts';
import type { RunKey } from './jobs.ts';
import { IS_ALIVE } from './workers.ts';

export interface RescuedRun {
  id: string;
  type: string;
  tenant: string;
  queue: string;
  worker: string;
  rescues: number;
}

export interface ForgottenQuery {
  worker: string;
  /** Null for all queues. */
  queue: string | null;
  known: readonly RunKey[];
  /** Spares runs that began since: the worker may be about to learn of them. */
  minAgeMs: number;
}

/** Runs that will never be finished. Their jobs go back to their queues, as a new delivery where BullMQ held them. */
export function createRescueStore(database: Database) {
  return {
    /**
     * Gives back the runs of workers whose lease has run out. Walks `jobs_not_completed`.
     * @returns what was rescued
     */
    rescueLost(limit: number): Promise<RescuedRun[]> {
      return database.query<RescuedRun>(RESCUE_LOST, [limit]);
    },

    /**
     * Gives back runs that the record ascribes to a worker and the worker does not know: the answer to their start was lost,
     * or their end could not be written. Walks `jobs_not_completed`.
     */
    rescueForgotten({ worker, queue, known, minAgeMs }: ForgottenQuery): Promise<RescuedRun[]> {
      return database.query<RescuedRun>(RESCUE_FORGOTTEN, [
        worker,
        queue,
        known.map((run) => run.id),
        known.map((run) => run.fence),
        minAgeMs,
      ]);
    },
  };
}

// A subquery rather than a join: it is asked again for a row that changed before it was locked, whose new worker may live.
const RESCUE_LOST = rescue(`
    select j.id
    from longshore.jobs j
    where j.status = 'processing'
      and (select ${IS_ALIVE} from longshore.workers where id = j.worker) is not true
    limit $1
    for update skip locked`);

// A pipeline that goes on keeps the time of its first start; when it went on is `suspended_at`.
const RESCUE_FORGOTTEN = rescue(`
    select j.id
    from longshore.jobs j
    where j.status = 'processing'
      and j.worker = $1
      and ($2::text is null or j.queue = $2)
      and (j.id, j.fence) not in (select * from unnest($3::uuid[], $4::bigint[]))
      and greatest(j.started_at, j.suspended_at) <= now() - $5 * interval '1 millisecond'
    for update skip locked`);

/** @param lost selects the ids of the jobs, and locks their rows */
function rescue(lost: string): string {
  return `
  with lost as (${lost}
  ),
  history as (
    insert into longshore.job_attempts (job_id, fence, attempt, outcome, worker, started_at)
    select j.id, j.fence, j.attempt, 'worker_lost', j.worker, greatest(j.started_at, j.suspended_at)
    from longshore.jobs j
    join lost on lost.id = j.id
    on conflict (job_id, fence) do nothing
  )
  update longshore.jobs j
  set status = 'queued',
    attempt = j.attempt - 1,
    rescues = j.rescues + 1,
    dispatched_at = null,
    delivery = j.delivery + case when j.dispatched_at is null then 0 else 1 end
  from lost
  where j.id = lost.id
  returning j.id, j.type, j.tenant, j.queue, j.worker, j.rescues`;
}
