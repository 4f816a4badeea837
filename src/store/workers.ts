import type { Database } from './database.ts';
import { type TenantScope, tenantOf } from './scope.ts';

export interface WorkerRow {
  id: string;
  host: string;
  pid: number;
  version: string;
  queues: string[];
  concurrency: number;
  running: number;
  /** How long the worker counts as alive after a heartbeat. */
  leaseMs: number;
}

/** A worker as people see it. */
export interface ListedWorker extends Omit<WorkerRow, 'leaseMs'> {
  startedAt: Date;
  heartbeatAt: Date;
  isAlive: boolean;
  /** Some of the jobs that it runs, the oldest first. */
  jobs: { id: string; type: string }[];
}

/** How many of the jobs that a worker runs are listed. */
export const LISTED_JOBS = 100;

/** Whether a worker's lease holds. */
export const IS_ALIVE = `heartbeat_at > now() - lease_ms * interval '1 millisecond'`;

/** How many workers are alive: a scalar subquery. */
export const COUNT_ALIVE = `(select count(*)::integer from longshore.workers where ${IS_ALIVE})`;

/** Queues that living workers serve, and how many do: the text of a query. */
export const SERVED_QUEUES = `
  select unnest(queues) as queue, count(*)::integer as n
  from longshore.workers
  where ${IS_ALIVE}
  group by 1`;

/** Worker processes and their heartbeats. */
export function createWorkerStore(database: Database) {
  return {
    /**
     * Says that a worker is alive, which also keeps the lease of its runs.
     * @throws STORE_UNAVAILABLE, after `timeoutMs` at the latest
     */
    async heartbeat(worker: WorkerRow, timeoutMs: number): Promise<void> {
      await database.query(
        `insert into longshore.workers (id, host, pid, version, queues, concurrency, running, lease_ms)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (id) do update set heartbeat_at = now(), running = excluded.running, queues = excluded.queues`,
        [
          worker.id,
          worker.host,
          worker.pid,
          worker.version,
          worker.queues,
          worker.concurrency,
          worker.running,
          worker.leaseMs,
        ],
        { timeoutMs, isUrgent: true },
      );
    },

    /**
     * Workers by their ids. Jobs of other tenants are neither listed nor counted; they are found by `jobs_not_completed`, which
     * holds as many that run as there are slots.
     * @param id only this one
     */
    list(
      scope: TenantScope,
      { afterId = null, id = null, limit }: { afterId?: string | null; id?: string | null; limit: number },
    ): Promise<ListedWorker[]> {
      return database.query<ListedWorker>(LIST, [tenantOf(scope), id, afterId, limit, LISTED_JOBS]);
    },

    async remove(id: string): Promise<void> {
      await database.query(`delete from longshore.workers where id = $1`, [id]);
    },

    /** Forgets workers whose lease ended `silentMs` ago or earlier; their runs have been rescued by then. */
    async removeSilent(silentMs: number): Promise<void> {
      await database.query(
        `delete from longshore.workers where heartbeat_at < now() - (lease_ms + $1) * interval '1 millisecond'`,
        [silentMs],
      );
    },
  };
}

const LIST = `
  with page as (
    select *
    from longshore.workers
    where ($2::text is null or id = $2) and ($3::text is null or id > $3)
    order by id
    limit $4
  ),
  runs as (
    select j.worker, j.id, j.type, row_number() over (partition by j.worker order by j.id) as place
    from longshore.jobs j
    where j.status = 'processing'
      and j.worker in (select id from page)
      and ($1::text is null or j.tenant = $1)
  ),
  per_worker as (
    select worker, count(*)::integer as running,
      jsonb_agg(jsonb_build_object('id', id, 'type', type) order by place) filter (where place <= $5) as jobs
    from runs
    group by worker
  )
  select p.id, p.host, p.pid, p.version, p.queues, p.concurrency,
    case when $1::text is null then p.running else coalesce(r.running, 0) end as running,
    p.started_at as "startedAt", p.heartbeat_at as "heartbeatAt", ${IS_ALIVE} as "isAlive", coalesce(r.jobs, '[]') as jobs
  from page p
  left join per_worker r on r.worker = p.id
  order by p.id`;
