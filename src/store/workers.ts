import type { Database } from './database.ts';

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
