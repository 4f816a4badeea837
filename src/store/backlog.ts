import type { Database } from './database.ts';
import { createTakeStatements, isInBacklog, type TakeParts, type TakeStatements } from './fair-order.ts';
import { type FairTake, takeFairly } from './fair-takes.ts';
import type { FairTurns } from './fair-turns.ts';
import { RUNS_PER_DELIVERY } from './fence.ts';
import type { JobRow } from './job-row.ts';
import { IS_ALIVE } from './workers.ts';

/** What BullMQ holds of a queue, and what waits for it. */
export interface QueueMeasure {
  queue: string;
  /** Jobs that were handed over and have not started; counted up to the window. */
  waiting: number;
  /** Retries and snoozed jobs that BullMQ is to wake; counted up to the window. */
  delayed: number;
  hasBacklog: boolean;
}

export type PromotedJob = Pick<JobRow, 'queue' | 'tenant' | 'concurrencyKey'>;

export interface TakeOptions {
  limit: number;
  window: number;
  /** Whose turn it is. */
  turns: FairTurns;
}

/** Jobs that wait in Postgres: for their time, or for room in BullMQ. */
export function createBacklogStore(database: Database) {
  return {
    /**
     * Makes scheduled and retrying jobs whose time has come `queued`. Those that BullMQ holds are its own to wake.
     * One with a key still has to wait for its turn.
     */
    promoteDue(limit: number): Promise<PromotedJob[]> {
      return database.query<PromotedJob>(PROMOTE, [limit]);
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

    /** Counts what these queues hold, up to `window`. Walks `jobs_handed_over` and `jobs_backlog`. */
    measure(queues: readonly string[], window: number): Promise<QueueMeasure[]> {
      return database.query<QueueMeasure>(MEASURE, [queues, window]);
    },

    /** @returns those of the queues in which one of these tenants has jobs that could be taken. Walks `jobs_backlog`. */
    async queuesWithBacklog(queues: readonly string[], tenants: readonly string[]): Promise<string[]> {
      const rows = await database.query<{ queue: string }>(
        `select distinct q.queue
         from unnest($1::text[]) as q(queue)
         cross join unnest($2::text[]) as t(tenant)
         cross join lateral (
           select 1
           from longshore.jobs j
           where j.queue = q.queue and j.tenant = t.tenant and ${isInBacklog('j')}
           order by -j.priority
           limit 1
         ) one`,
        [queues, tenants],
      );
      return rows.map(({ queue }) => queue);
    },

    /**
     * Marks queued jobs as handed over and returns them: tenants by their weights, of each by priority, then due time. No more
     * than the window of the queue has room for. Walks `jobs_backlog`.
     */
    take(queue: string, { limit, window, turns }: TakeOptions): Promise<FairTake> {
      return takeFairly(database, TAKE, { queue, limit, turns }, [window]);
    },

    /** Whether BullMQ holds waiting jobs of a queue that are not of this tenant. Walks `jobs_handed_over`. */
    async holdsOthers(queue: string, tenant: string): Promise<boolean> {
      const rows = await database.query(
        `select 1 from longshore.jobs
         where queue = $1 and status = 'queued' and dispatched_at is not null and tenant <> $2
         order by id
         limit 1`,
        [queue, tenant],
      );
      return rows.length > 0;
    },

    /**
     * Puts jobs back that perhaps did not arrive. One that did is told from its second copy by its id. Where its tenant has a limit,
     * it must not start all the same: its place is another's by then.
     */
    async putBack(jobs: readonly { id: string; delivery: number }[]): Promise<void> {
      await database.query(
        `with given as (
           select j.id
           from longshore.jobs j
           join unnest($1::uuid[], $2::integer[]) as g(id, delivery) on g.id = j.id and g.delivery = j.delivery
           where j.status = 'queued'
           order by j.id
           for update of j
         )
         update longshore.jobs j
         set dispatched_at = null,
           delivery = j.delivery
             + (select count(*) from longshore.tenants t where t.name = j.tenant and t.max_running is not null)::integer
         from given
         where j.id = given.id`,
        [jobs.map((job) => job.id), jobs.map((job) => job.delivery)],
      );
    },

    /**
     * Takes back what BullMQ holds of tenants with a limit, of queues that stand still. Walks `jobs_in_flight`.
     * @returns one tenant for each job
     */
    async reclaimIdle(limit: number): Promise<string[]> {
      const rows = await database.query<{ tenant: string }>(RECLAIM_IDLE, [limit]);
      return rows.map((row) => row.tenant);
    },

    /**
     * Takes back what BullMQ holds of queues that the Postgres transport serves now. Walks `jobs_handed_over`.
     * @returns one queue for each job
     */
    async reclaimFromBullMq(queues: readonly string[]): Promise<string[]> {
      const rows = await database.query<{ queue: string }>(RECLAIM, [queues]);
      return rows.map((row) => row.queue);
    },
  };
}

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
  returning j.queue, j.tenant, j.concurrency_key as "concurrencyKey"`;

const RECLAIM = `
  with held as (
    select id
    from longshore.jobs
    where queue = any($1) and dispatched_at is not null and status in ('scheduled', 'queued', 'retrying')
    for update skip locked
  )
  update longshore.jobs j
  set dispatched_at = null,
    delivery = j.delivery + 1
  from held
  where j.id = held.id
  returning j.queue`;

/** Whether nobody takes jobs of a queue: it is paused, or no living worker serves it. */
function standsStill(queue: string): string {
  return `(exists (select 1 from longshore.queues q where q.name = ${queue} and q.is_paused)
    or not exists (select 1 from longshore.workers where ${queue} = any(queues) and ${IS_ALIVE}))`;
}

// The index tells what is in flight of a tenant: no more than its limit, but for the moments after that was lowered.
const RECLAIM_IDLE = `
  with idle as (
    select held.id
    from longshore.tenants t
    cross join lateral (
      select j.id
      from longshore.jobs j
      where j.tenant = t.name and j.status = 'queued' and j.dispatched_at is not null and ${standsStill('j.queue')}
      limit $1
      for update skip locked
    ) held
    where t.max_running is not null
    limit $1
  )
  update longshore.jobs j
  set dispatched_at = null,
    delivery = j.delivery + 1
  from idle
  where j.id = idle.id
  returning j.tenant`;

// Not "exists": where much waits, the planner hopes to meet it soon and walks through the whole table instead of the index.
const MEASURE = `
  select q.name as queue,
    (select count(*)::integer
     from (select 1 from longshore.jobs j
           where j.queue = q.name and j.status = 'queued' and j.dispatched_at is not null
           limit $2) held) as waiting,
    (select count(*)::integer
     from (select 1 from longshore.jobs j
           where j.queue = q.name and j.status in ('scheduled', 'retrying') and j.dispatched_at is not null
           limit $2) held) as delayed,
    coalesce(
      (select true
       from longshore.jobs j
       where j.queue = q.name and ${isInBacklog('j')}
       order by j.tenant
       limit 1), false) as "hasBacklog"
  from unnest($1::text[]) as q(name)`;

// Parameter: the window ($3). Without the lock two processes would each fill the same room; who does not get it leaves the queue to
// the other. A job that ran before gets a delivery whose runs have larger fences, also when it ran on the other transport.
const TAKE_PARTS: TakeParts = {
  parameters: 1,
  room: `case when pg_try_advisory_xact_lock(hashtext('longshore.window'), hashtext($1))
      then greatest(0, least($2::integer, $3::integer - (
        select count(*)::integer
        from (select 1 from longshore.jobs j
              where j.queue = $1 and j.status = 'queued' and j.dispatched_at is not null
              limit $3) held)))
      else 0 end`,
  filter: '',
  set: `dispatched_at = now(),
      delivery = greatest(j.delivery, (j.fence / ${RUNS_PER_DELIVERY} + 1)::integer)`,
};

// What BullMQ holds of a tenant with a limit takes its places: none for queues that stand still. The window was looked at already.
const TAKE: TakeStatements = {
  ...createTakeStatements(TAKE_PARTS),
  limited: createTakeStatements({
    ...TAKE_PARTS,
    filter: `and $3::integer > 0
        and not ${standsStill('$1')}`,
  }).limited,
};
