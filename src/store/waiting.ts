import type { Database } from './database.ts';
import { isInBacklog, isInFlight } from './fair-order.ts';
import type { JobRow } from './job-row.ts';
import { IS_ALIVE } from './workers.ts';

/** What keeps a due job from being taken, as far as the record knows. */
export interface WaitingFacts {
  isPaused: boolean;
  /** Living workers that serve its queue. */
  workers: number;
  /** Whether its tenant has as many jobs in flight as it may. */
  isTenantFull: boolean;
  /** When the rate limit of its queue lets more start, in milliseconds; null where it does not hold anything up. */
  queueWindowMs: number | null;
  /** When the window of its key is over, in milliseconds; null where there is none. */
  keyWindowMs: number | null;
  /** Jobs of the queue that ended in a minute, as the last ones went; null where none did. */
  perMinute: number | null;
}

export interface RateRule {
  max: number;
  durationMs: number;
}

/** No position is counted beyond. */
export const MAX_POSITION = 10_000;
/** So many tenants, and ends of jobs, are looked at. */
const TENANTS = 64;
const ENDS = 2000;

/** Why one job does not run. All counts are bounded, so asking costs the same whatever waits. */
export function createWaitingStore(database: Database) {
  return {
    async facts(job: JobRow, rate: RateRule | undefined): Promise<WaitingFacts> {
      const [row] = await database.query<WaitingFacts>(FACTS, [
        job.queue,
        job.tenant,
        job.concurrencyKey,
        rate?.max ?? null,
        rate?.durationMs ?? null,
      ]);
      if (!row) throw new Error('a query of constants without a row');
      return row;
    },

    /** How many jobs of its key have their turn before this one. Walks `jobs_key_waiting`. */
    countBeforeOfKey(job: JobRow): Promise<number> {
      return count(database, BEFORE_OF_KEY, [job.id]);
    },

    /** How many of its tenant are taken from the backlog of the queue before this one. Walks `jobs_backlog`. */
    countBeforeOfTenant(job: JobRow): Promise<number> {
      return count(database, BEFORE_OF_TENANT, [job.id]);
    },

    /** How many jobs start before this one of the backlog, while tenants take turns. Walks `jobs_backlog` and `jobs_handed_over`. */
    countBeforeInBacklog(job: JobRow): Promise<number> {
      return count(database, BEFORE_IN_BACKLOG, [job.id]);
    },

    /** How many jobs that BullMQ holds are older than this one, which it holds, too. Walks `jobs_handed_over`. */
    countBeforeInBullMq(job: JobRow): Promise<number> {
      return count(database, BEFORE_IN_BULLMQ, [job.id]);
    },
  };
}

async function count(database: Database, text: string, values: unknown[]): Promise<number> {
  const [row] = await database.query<{ n: number }>(text, values);
  return Math.min(row?.n ?? 0, MAX_POSITION);
}

const FACTS = `
  select
    coalesce((select is_paused from longshore.queues where name = $1), false) as "isPaused",
    (select count(*)::integer from longshore.workers where $1 = any(queues) and ${IS_ALIVE}) as workers,
    coalesce((
      select t.max_running <= (
        select count(*)
        from (select 1 from longshore.jobs j where j.tenant = $2 and ${isInFlight('j')} limit t.max_running) held)
      from longshore.tenants t
      where t.name = $2), false) as "isTenantFull",
    (select (extract(epoch from q.rate_window_start - now()) * 1000 + $5::bigint)::float8
     from longshore.queues q
     where q.name = $1 and q.rate_count >= $4::integer and q.rate_window_start + $5::bigint * interval '1 millisecond' > now()
    ) as "queueWindowMs",
    (select (extract(epoch from w.ends_at - now()) * 1000)::float8
     from longshore.rate_windows w
     where w.queue = $1 and w.tenant = $2 and w.concurrency_key = $3 and w.ends_at > now()) as "keyWindowMs",
    (select (count(*) filter (where ends.queue = $1) * 60000
       / nullif(greatest(extract(epoch from now() - min(ends.finished_at)) * 1000, 1), 0))::float8
     from (
       select j.queue, j.finished_at
       from longshore.jobs j
       where j.status in ('completed', 'cancelled', 'expired') and j.finished_at > now() - interval '1 minute'
       order by j.finished_at desc
       limit ${ENDS}
     ) ends
     having count(*) filter (where ends.queue = $1) > 0) as "perMinute"`;

const OWN = `(select id, queue, tenant, concurrency_key, priority, run_at from longshore.jobs where id = $1) own`;
const IS_BEFORE = `(-j.priority, j.run_at, j.id) < (-own.priority, own.run_at, own.id)`;

const BEFORE_OF_KEY = `
  select before.n
  from ${OWN}
  cross join lateral (
    select count(*)::integer as n
    from (select 1 from longshore.jobs j
          where j.queue = own.queue and j.tenant = own.tenant and j.concurrency_key = own.concurrency_key
            and j.gate is not null and j.status = 'queued' and ${IS_BEFORE}
          limit ${MAX_POSITION}) counted
  ) before`;

const BEFORE_OF_TENANT = `
  select before.n
  from ${OWN}
  cross join lateral (
    select count(*)::integer as n
    from (select 1 from longshore.jobs j
          where j.queue = own.queue and j.tenant = own.tenant and ${isInBacklog('j')} and ${IS_BEFORE}
          limit ${MAX_POSITION}) counted
  ) before`;

const BEFORE_IN_BULLMQ = `
  select before.n
  from ${OWN}
  cross join lateral (
    select count(*)::integer as n
    from (select 1 from longshore.jobs j
          where j.queue = own.queue and j.status = 'queued' and j.dispatched_at is not null and j.id < own.id
          limit ${MAX_POSITION}) counted
  ) before`;

// Of each other tenant as many as its weight is larger: so many have their turn until it is that of this job.
const BEFORE_IN_BACKLOG = `
  with recursive own as materialized (select * from ${OWN}),
  same as materialized (
    select coalesce(t.weight, 1) as weight, before.n
    from own
    left join longshore.tenants t on t.name = own.tenant
    cross join lateral (
      select count(*)::integer as n
      from (select 1 from longshore.jobs j
            where j.queue = own.queue and j.tenant = own.tenant and ${isInBacklog('j')} and ${IS_BEFORE}
            limit ${MAX_POSITION}) counted
    ) before
  ),
  tenants as (
    (select j.tenant, 1 as number
     from longshore.jobs j
     where j.queue = (select queue from own) and ${isInBacklog('j')}
     order by j.tenant
     limit 1)
    union all
    select next.tenant, tenants.number + 1
    from tenants
    cross join lateral (
      select j.tenant
      from longshore.jobs j
      where j.queue = (select queue from own) and ${isInBacklog('j')} and j.tenant > tenants.tenant
      order by j.tenant
      limit 1
    ) next
    where tenants.number < ${TENANTS}
  ),
  others as (
    select turn.n
    from tenants
    left join longshore.tenants t on t.name = tenants.tenant
    cross join lateral (
      select count(*)::integer as n
      from (select 1 from longshore.jobs j
            where j.queue = (select queue from own) and j.tenant = tenants.tenant and ${isInBacklog('j')}
            limit (select least(${MAX_POSITION}, same.n * coalesce(t.weight, 1) / same.weight) from same)) counted
    ) turn
    where tenants.tenant <> (select tenant from own)
  ),
  held as (
    select count(*)::integer as n
    from (select 1 from longshore.jobs j
          where j.queue = (select queue from own) and j.status = 'queued' and j.dispatched_at is not null
          limit ${MAX_POSITION}) counted
  )
  select ((select n from same) + (select n from held) + coalesce((select sum(n) from others), 0))::integer as n`;
