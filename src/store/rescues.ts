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
  concurrencyKey: string | null;
  /** Not null where it has to wait for its turn again. */
  gate: string | null;
}

export interface ForgottenQuery {
  worker: string;
  /** Null for all queues. */
  queue: string | null;
  known: readonly RunKey[];
  /** Spares runs that began since: the worker may be about to learn of them. */
  minAgeMs: number;
  /** Default none. */
  ratedQueues?: readonly string[];
}

/**
 * Runs that will never be finished. Their jobs go back to their queues, as a new delivery where BullMQ held them. One with a key keeps
 * its turn, but in `ratedQueues`, where starts of a key are counted: it would start beyond what a window allows.
 */
export function createRescueStore(database: Database) {
  return {
    /**
     * Gives back the runs of workers whose lease has run out. Walks `jobs_not_completed`.
     * @returns what was rescued
     */
    rescueLost(limit: number, ratedQueues: readonly string[] = []): Promise<RescuedRun[]> {
      return database.query<RescuedRun>(RESCUE_LOST, [ratedQueues, limit]);
    },

    /**
     * Gives back runs that the record ascribes to a worker and the worker does not know: the answer to their start was lost,
     * or their end could not be written. Walks `jobs_not_completed`.
     */
    rescueForgotten({ worker, queue, known, minAgeMs, ratedQueues = [] }: ForgottenQuery): Promise<RescuedRun[]> {
      return database.query<RescuedRun>(RESCUE_FORGOTTEN, [
        ratedQueues,
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
    limit $2
    for update skip locked`);

// A pipeline that goes on keeps the time of its first start; when it went on is `suspended_at`.
const RESCUE_FORGOTTEN = rescue(`
    select j.id
    from longshore.jobs j
    where j.status = 'processing'
      and j.worker = $2
      and ($3::text is null or j.queue = $3)
      and (j.id, j.fence) not in (select * from unnest($4::uuid[], $5::bigint[]))
      and greatest(j.started_at, j.suspended_at) <= now() - $6 * interval '1 millisecond'
    for update skip locked`);

/** @param lost selects the ids of the jobs, and locks their rows; $1 is `ratedQueues` */
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
    gate = case when j.concurrency_key is not null and j.queue = any($1::text[]) then 'concurrency_key' else j.gate end,
    dispatched_at = null,
    delivery = j.delivery + case when j.dispatched_at is null then 0 else 1 end
  from lost
  where j.id = lost.id
  returning j.id, j.type, j.tenant, j.queue, j.worker, j.rescues,
    j.concurrency_key as "concurrencyKey", j.gate`;
}
