import type { TenantScope } from './scope.ts';
import { COUNT_ALIVE, SERVED_QUEUES } from './workers.ts';

/** How large the table of jobs is. */
export interface Size {
  isSmall: boolean;
}

/** A table of at most so many jobs is counted as it is. */
export const COUNTED_JOBS = 20_000;
/** In a larger one, counting ends there, for each queue and status; more of them are said to be so many. */
export const COUNT_MAX = 10_000;
/** The ends of the last minute that are counted; where there are more, the speed of the newest is taken. */
const ENDS_MAX = 5000;

export const IS_SMALL = `select (select count(*) from (select 1 from longshore.jobs limit ${COUNTED_JOBS + 1}) part) <= ${COUNTED_JOBS} as "isSmall"`;

const WAITING = `case when status = 'queued' then run_at end`;

const COUNT_ALL = `
  counted as (
    select queue, status, count(*)::integer as n, min(${WAITING}) as oldest
    from longshore.jobs
    where true TENANT
    group by queue, status
  )`;

// Each queue and status by an index that has just those: what waits by `jobs_backlog` and `jobs_handed_over`, what rests by
// `jobs_resting`. Those that run are few. The rest of what the planner knows of a queue has completed.
const COUNT_LARGE = `
  names as (
    (select queue from longshore.jobs where status = 'queued' and dispatched_at is null order by queue limit 1)
    union
    (select n.queue
     from names
     cross join lateral (
       select queue from longshore.jobs where status = 'queued' and dispatched_at is null and queue > names.queue
       order by queue limit 1
     ) n)
  ),
  resting as (
    (select queue from longshore.jobs where status in RESTING order by queue limit 1)
    union
    (select n.queue
     from resting
     cross join lateral (
       select queue from longshore.jobs where status in RESTING and queue > resting.queue order by queue limit 1
     ) n)
  ),
  common as (
    select v.queue, v.frequency
    from pg_stats s
    cross join lateral unnest(s.most_common_vals::text::text[], s.most_common_freqs) as v(queue, frequency)
    where s.schemaname = 'longshore' and s.tablename = 'jobs' and s.attname = 'queue'
  ),
  running as (
    select queue, count(*)::integer as n
    from (select queue from longshore.jobs where status = 'processing' and status <> 'completed' TENANT limit ${5 * COUNT_MAX}) p
    group by queue
  ),
  handed as (
    select queue, count(*)::integer as n, min(run_at) as oldest
    from (select queue, run_at from longshore.jobs
          where dispatched_at is not null and status = 'queued' and status in ('scheduled', 'queued', 'retrying') TENANT
          limit ${5 * COUNT_MAX}) h
    group by queue
  ),
  every_queue as (
    select queue from names union select queue from resting union select queue from common union select queue from running
    union select queue from handed
  ),
  open as (
    select queue, 'processing' as status, least(n, ${COUNT_MAX}) as n, null::timestamptz as oldest from running
    union all
    select e.queue, 'queued', least(w.n + coalesce(h.n, 0), ${COUNT_MAX})::integer, least(o.oldest, h.oldest)
    from every_queue e
    left join handed h on h.queue = e.queue
    cross join lateral (
      select count(*)::integer as n
      from (select 1 from longshore.jobs j
            where j.queue = e.queue and j.status = 'queued' and j.dispatched_at is null TENANT limit ${COUNT_MAX}) part
    ) w
    cross join lateral (
      with recursive ranks as (
        (select j.priority, j.run_at from longshore.jobs j
         where j.queue = e.queue and j.status = 'queued' and j.dispatched_at is null TENANT
         order by j.queue, j.priority desc, j.run_at, j.id limit 1)
        union all
        (select n.priority, n.run_at
         from ranks
         cross join lateral (
           select j.priority, j.run_at from longshore.jobs j
           where j.queue = e.queue and j.status = 'queued' and j.dispatched_at is null and j.priority < ranks.priority TENANT
           order by j.queue, j.priority desc, j.run_at, j.id limit 1
         ) n)
      )
      select min(run_at) as oldest from ranks
    ) o
    union all
    select e.queue, s.status, c.n, null
    from every_queue e
    cross join unnest(array['scheduled', 'retrying', 'waiting', 'failed', 'cancelled', 'expired']) s(status)
    cross join lateral (
      select count(*)::integer as n
      from (select 1 from longshore.jobs j where j.queue = e.queue and j.status = s.status and j.status in RESTING TENANT
            limit ${COUNT_MAX}) part
    ) c
  ),
  counted as (
    select * from open where n > 0
    union all
COMPLETED
  )`.replaceAll('RESTING', `('scheduled', 'retrying', 'waiting', 'failed', 'cancelled', 'expired')`);

// Of a tenant nothing is estimated from what others have.
const COMPLETED_OF_TENANT = `
    select queue, 'completed', count(*)::integer, null
    from (select queue, status, tenant from longshore.jobs order by id desc limit ${COUNTED_JOBS}) newest
    where status = 'completed' TENANT
    group by queue`;

const COMPLETED_OF_ALL = `
    select c.queue, 'completed', greatest(0, c.frequency * t.reltuples - coalesce(o.n, 0))::integer, null
    from common c
    cross join (select reltuples from pg_class where oid = 'longshore.jobs'::regclass) t
    left join (select queue, sum(n) as n from open group by queue) o on o.queue = c.queue`;

const RECENT = `
  ends as (
    (select queue, status, finished_at from longshore.jobs
     where status in ('completed', 'cancelled', 'expired') and finished_at > now() - interval '1 minute' TENANT
     order by finished_at desc limit ${ENDS_MAX})
    union all
    (select queue, status, finished_at from longshore.jobs
     where status = 'failed' and finished_at > now() - interval '1 minute' TENANT
     order by finished_at desc limit ${ENDS_MAX})
  ),
  ends_of as (
    select status = 'failed' as of_failed,
      case when count(*) < ${ENDS_MAX} then 1 else 60 / greatest(0.001, extract(epoch from now() - min(finished_at))) end as factor
    from ends
    group by 1
  ),
  recent as (
    select e.queue, e.status, count(*) * min(o.factor) as n
    from ends e
    join ends_of o on o.of_failed = (e.status = 'failed')
    group by e.queue, e.status
  )`;

/** What the API says of each queue. */
export function describeQueues(scope: TenantScope, size: Size): string {
  const text = `
    with recursive ${count(scope, size)},
    ${RECENT},
    per_queue as (
      select queue, jsonb_object_agg(status, n) as counts, min(oldest) as oldest
      from counted
      group by queue
    ),
    throughput as (select queue, round(sum(n))::integer as n from recent group by queue),
    served as (${SERVED_QUEUES})
    select coalesce(p.queue, q.name, s.queue) as name,
      coalesce(q.is_paused, false) as "isPaused",
      coalesce(p.counts, '{}') as counts,
      (extract(epoch from now() - p.oldest) * 1000)::bigint as "oldestWaitMs",
      coalesce(r.n, 0) as "finishedLastMinute",
      coalesce(s.n, 0) as workers
    from per_queue p
    full join longshore.queues q on q.name = p.queue
    full join served s on s.queue = coalesce(p.queue, q.name)
    left join throughput r on r.queue = p.queue
    order by 1`;
  return narrow(text, scope);
}

/** The same of all queues together. */
export function describeTotals(scope: TenantScope, size: Size): string {
  const text = `
    with recursive ${count(scope, size)},
    ${RECENT}
    select
      (select coalesce(jsonb_object_agg(status, n), '{}')
       from (select status, sum(n)::integer as n from counted group by status) by_status) as counts,
      (select coalesce(round(sum(n)), 0)::integer from recent where status = 'completed') as "completedLastMinute",
      (select coalesce(round(sum(n)), 0)::integer from recent where status = 'failed') as "failedLastMinute",
      ${COUNT_ALIVE} as workers,
      (select jsonb_build_object('pending', p.n, 'failed', f.n)
       from (select count(*) as n from (select 1 from longshore.webhook_deliveries where status = 'pending' DELIVERIES
             limit ${COUNT_MAX}) part) p
       cross join (select count(*) as n from (select 1 from longshore.webhook_deliveries where status = 'failed' DELIVERIES
             limit ${COUNT_MAX}) part) f) as webhooks`;
  return narrow(text, scope);
}

function count(scope: TenantScope, { isSmall }: Size): string {
  return isSmall
    ? COUNT_ALL
    : COUNT_LARGE.replace('COMPLETED', scope === 'all' ? COMPLETED_OF_ALL : COMPLETED_OF_TENANT);
}

// Conditions are left out where there are none, so that the plan is that of a query without them.
function narrow(text: string, scope: TenantScope): string {
  return text
    .replaceAll('TENANT', scope === 'all' ? '' : 'and tenant = $1')
    .replaceAll('DELIVERIES', scope === 'all' ? '' : DELIVERIES_OF_TENANT);
}

// Of a job or a batch.
const DELIVERIES_OF_TENANT = `
  and $1 = coalesce(
    (select tenant from longshore.jobs where id = job_id), (select tenant from longshore.batches where id = batch_id))`;
