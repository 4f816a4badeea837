import type { Database } from './database.ts';
import { RUNS_PER_DELIVERY } from './fence.ts';
import { type JobRow, jobColumns } from './job-row.ts';
import type { RunKey } from './jobs.ts';

export interface ClaimRequest {
  queue: string;
  worker: string;
  /** The types that the worker can run; others stay for a worker that knows them. */
  types: readonly string[];
  limit: number;
}

/** How jobs leave the backlog: claimed by the Postgres transport, or handed to BullMQ. */
export function createClaimStore(database: Database) {
  return {
    /** Starts up to `limit` queued jobs of a queue, by priority, then due time. Walks `jobs_claim`. */
    async claim(request: ClaimRequest): Promise<JobRow[]> {
      const rows = await database.query<JobRow>(CLAIM, [request.queue, request.limit, request.worker, request.types]);
      return rows.sort(byPriorityAndTime); // "returning" gives no order
    },

    /**
     * Makes scheduled and retrying jobs whose time has come `queued`. Those that BullMQ holds are its own to wake.
     * @returns the queues that got work
     */
    async promoteDue(limit: number): Promise<string[]> {
      const rows = await database.query<{ queue: string }>(PROMOTE, [limit]);
      return [...new Set(rows.map((row) => row.queue))];
    },

    /** Milliseconds until the next job is due, at least 0; undefined when none waits for a time. Walks `jobs_due`. */
    async nextDueMs(): Promise<number | undefined> {
      const [row] = await database.query<{ ms: number | null }>(
        `select (extract(epoch from min(run_at) - now()) * 1000)::float8 as ms
         from longshore.jobs
         where status in ('scheduled', 'retrying') and dispatched_at is null`,
      );
      return row?.ms == null ? undefined : Math.max(0, row.ms);
    },

    /** Marks up to `limit` queued jobs of these queues as handed over and returns them, by priority, then due time. */
    async takeBacklog(queues: readonly string[], limit: number): Promise<JobRow[]> {
      const rows = await database.query<JobRow>(TAKE_BACKLOG, [queues, limit]);
      return rows.sort(byPriorityAndTime);
    },

    /** Puts jobs back into the backlog that perhaps did not arrive. One that did is told from its second copy by its id. */
    async returnToBacklog(ids: readonly string[]): Promise<void> {
      await database.query(
        `update longshore.jobs set dispatched_at = null where id = any($1::uuid[]) and status = 'queued'`,
        [ids],
      );
    },

    /** Takes back what BullMQ held of queues that the Postgres transport serves now. */
    async reclaimFromBullMq(queues: readonly string[]): Promise<void> {
      await database.query(
        `update longshore.jobs
         set dispatched_at = null,
           delivery = delivery + 1
         where queue = any($1) and dispatched_at is not null and status in ('scheduled', 'queued', 'retrying')`,
        [queues],
      );
    },

    /**
     * Gives the runs of workers whose lease has run out back to their queues. Walks `jobs_processing_worker`.
     * @returns what was rescued
     */
    rescueLost(queues: readonly string[], limit: number): Promise<RescuedRun[]> {
      return database.query<RescuedRun>(RESCUE_LOST, [queues, limit]);
    },

    /**
     * Gives runs back that the record ascribes to a worker and the worker does not know: the answer to their claim was lost,
     * or their end could not be written. Walks `jobs_processing_worker`.
     */
    rescueForgotten(queue: string, worker: string, known: readonly RunKey[]): Promise<RescuedRun[]> {
      return database.query<RescuedRun>(RESCUE_FORGOTTEN, [
        queue,
        worker,
        known.map((run) => run.id),
        known.map((run) => run.fence),
      ]);
    },

    /**
     * Takes tokens of a queue's rate limit, which all workers share. The queue must have its row (`queues.ensure`).
     * @returns how many of `wanted` may start now, and when the window ends if that is fewer
     */
    async takeRateTokens(queue: string, wanted: number, max: number, durationMs: number): Promise<RateGrant> {
      const [row] = await database.query<RateGrant>(TAKE_RATE_TOKENS, [queue, wanted, max, durationMs]);
      return row ?? { granted: 0, retryInMs: durationMs, window: '' };
    },

    /** Gives tokens back that no job used. In a later window they are worth nothing. */
    async returnRateTokens(queue: string, window: string, count: number): Promise<void> {
      await database.query(
        `update longshore.queues
         set rate_count = greatest(0, rate_count - $3)
         where name = $1 and rate_window_start = $2::timestamptz`,
        [queue, window, count],
      );
    },
  };
}

export interface RescuedRun {
  id: string;
  type: string;
  queue: string;
  worker: string;
  rescues: number;
}

export interface RateGrant {
  granted: number;
  retryInMs: number;
  /** Names the window that the tokens belong to. */
  window: string;
}

function byPriorityAndTime(a: JobRow, b: JobRow): number {
  return b.priority - a.priority || a.runAt.getTime() - b.runAt.getTime() || (a.id < b.id ? -1 : 1);
}

const CLAIM = `
  with due as (
    select j.id
    from longshore.jobs j
    where j.queue = $1
      and j.status = 'queued'
      and j.dispatched_at is null
      and j.type = any($4)
      and (j.expires_at is null or j.expires_at > now() or j.started_at is not null)
      and not exists (select 1 from longshore.queues q where q.name = $1 and q.is_paused)
    order by j.priority desc, j.run_at, j.id
    limit $2
    for update skip locked
  )
  update longshore.jobs j
  set status = 'processing',
    fence = j.fence + 1,
    attempt = j.attempt + 1,
    worker = $3,
    reason = null,
    progress_percent = 0,
    progress_message = null,
    progress_seq = 0,
    started_at = now()
  from due
  where j.id = due.id
  returning ${jobColumns('j')}`;

const PROMOTE = `
  with due as (
    select id
    from longshore.jobs
    where status in ('scheduled', 'retrying') and run_at <= now() and dispatched_at is null
    order by run_at
    limit $1
    for update skip locked
  )
  update longshore.jobs j
  set status = 'queued'
  from due
  where j.id = due.id
  returning j.queue`;

// A job that ran before gets a delivery whose runs have larger fences, also when it ran on the other transport.
const TAKE_BACKLOG = `
  with due as (
    select id
    from longshore.jobs
    where queue = any($1) and status = 'queued' and dispatched_at is null
    order by priority desc, run_at, id
    limit $2
    for update skip locked
  )
  update longshore.jobs j
  set dispatched_at = now(),
    delivery = greatest(j.delivery, (j.fence / ${RUNS_PER_DELIVERY} + 1)::integer)
  from due
  where j.id = due.id
  returning ${jobColumns('j')}`;

const RESCUE_LOST = rescue(`
    select j.id
    from longshore.jobs j
    left join longshore.workers w on w.id = j.worker
    where j.status = 'processing'
      and j.queue = any($1)
      and (w.id is null or w.heartbeat_at < now() - w.lease_ms * interval '1 millisecond')
    limit $2
    for update of j skip locked`);

const RESCUE_FORGOTTEN = rescue(`
    select j.id
    from longshore.jobs j
    where j.status = 'processing'
      and j.queue = $1
      and j.worker = $2
      and (j.id, j.fence) not in (select * from unnest($3::uuid[], $4::bigint[]))
    for update skip locked`);

/** @param lost selects the ids of the jobs, and locks their rows */
function rescue(lost: string): string {
  return `
  with lost as (${lost}
  ),
  history as (
    insert into longshore.job_attempts (job_id, fence, attempt, outcome, worker, started_at)
    select j.id, j.fence, j.attempt, 'worker_lost', j.worker, j.started_at
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
  returning j.id, j.type, j.queue, j.worker, j.rescues`;
}

const TAKE_RATE_TOKENS = `
  with before as (
    select name,
      case when rate_window_start > now() - $4 * interval '1 millisecond' then rate_window_start else now() end as window_start,
      case when rate_window_start > now() - $4 * interval '1 millisecond' then rate_count else 0 end as used
    from longshore.queues
    where name = $1
    for update
  )
  update longshore.queues q
  set rate_window_start = before.window_start,
    rate_count = least($3::integer, before.used + $2::integer)
  from before
  where q.name = before.name
  returning q.rate_count - before.used as granted,
    greatest(0, extract(epoch from before.window_start - now()) * 1000 + $4)::float8 as "retryInMs",
    before.window_start::text as "window"`;
