import type { JobStatus } from '../contract/job.ts';
import type { Database } from './database.ts';
import type { TenantScope } from './scope.ts';
import { COUNT_ALIVE, SERVED_QUEUES } from './workers.ts';

export interface QueueOverview {
  name: string;
  isPaused: boolean;
  counts: Partial<Record<JobStatus, number>>;
  oldestWaitMs: number | null;
  finishedLastMinute: number;
  workers: number;
}

export interface TotalsOverview {
  counts: Partial<Record<JobStatus, number>>;
  completedLastMinute: number;
  failedLastMinute: number;
  workers: number;
  webhooks: { pending: number; failed: number };
}

/** Counts for people, and the switches of queues. A worker counts while its lease holds. */
export function createOverviewStore(database: Database) {
  return {
    /** Makes sure that a queue has its row, which pausing and rate limits need. */
    async ensureQueue(name: string): Promise<void> {
      await database.query(`insert into longshore.queues (name) values ($1) on conflict do nothing`, [name]);
    },

    async setPaused(name: string, isPaused: boolean): Promise<void> {
      await database.query(
        `insert into longshore.queues (name, is_paused) values ($1, $2) on conflict (name) do update set is_paused = excluded.is_paused`,
        [name, isPaused],
      );
    },

    /** Counts are those of the scope; which queues there are, are paused or are served is no secret. */
    queues(scope: TenantScope): Promise<QueueOverview[]> {
      return database.query<QueueOverview>(queuesOf(scope), parametersOf(scope));
    },

    async totals(scope: TenantScope): Promise<TotalsOverview> {
      const [row] = await database.query<TotalsOverview>(totalsOf(scope), parametersOf(scope));
      if (!row) throw new Error('an aggregate without rows');
      return row;
    },
  };
}

// Left out where there is none, so that the plan is that of a query without it.
const ofTenant = (scope: TenantScope) => (scope === 'all' ? '' : 'and tenant = $1');
const parametersOf = (scope: TenantScope) => (scope === 'all' ? [] : [scope.tenant]);

const queuesOf = (scope: TenantScope) => `
  with by_status as (
    select queue, status, count(*)::integer as n, min(run_at) filter (where status = 'queued') as oldest
    from longshore.jobs
    where true ${ofTenant(scope)}
    group by queue, status
  ),
  per_queue as (
    select queue, jsonb_object_agg(status, n) as counts, min(oldest) as oldest
    from by_status
    group by queue
  ),
  recent as (
    select queue, count(*)::integer as n
    from longshore.jobs
    where ((status in ('completed', 'cancelled', 'expired') and finished_at > now() - interval '1 minute')
      or (status = 'failed' and finished_at > now() - interval '1 minute')) ${ofTenant(scope)}
    group by queue
  ),
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
  left join recent r on r.queue = p.queue
  order by 1`;

const totalsOf = (scope: TenantScope) => `
  select
    (select coalesce(jsonb_object_agg(status, n), '{}')
     from (select status, count(*)::integer as n from longshore.jobs where true ${ofTenant(scope)} group by status) by_status) as counts,
    (select count(*)::integer from longshore.jobs
     where finished_at > now() - interval '1 minute' and status = 'completed' ${ofTenant(scope)}) as "completedLastMinute",
    (select count(*)::integer from longshore.jobs
     where finished_at > now() - interval '1 minute' and status = 'failed' ${ofTenant(scope)}) as "failedLastMinute",
    ${COUNT_ALIVE} as workers,
    (select jsonb_build_object(
       'pending', count(*) filter (where status = 'pending'), 'failed', count(*) filter (where status = 'failed'))
     from longshore.webhook_deliveries
     where status in ('pending', 'failed') ${scope === 'all' ? '' : DELIVERIES_OF_TENANT}) as webhooks`;

// Of a job or a batch.
const DELIVERIES_OF_TENANT = `
       and $1 = coalesce(
         (select tenant from longshore.jobs where id = job_id), (select tenant from longshore.batches where id = batch_id))`;
