import type { Database } from './database.ts';

export interface WorkerRow {
  id: string;
  host: string;
  pid: number;
  version: string;
  queues: string[];
  concurrency: number;
  running: number;
}

/** Worker processes and their heartbeats. */
export function createWorkerStore(database: Database) {
  return {
    /** Says that a worker is alive, which also keeps the lease of its runs. */
    async heartbeat(worker: WorkerRow): Promise<void> {
      await database.query(
        `insert into longshore.workers (id, host, pid, version, queues, concurrency, running)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (id) do update set heartbeat_at = now(), running = excluded.running, queues = excluded.queues`,
        [worker.id, worker.host, worker.pid, worker.version, worker.queues, worker.concurrency, worker.running],
      );
    },

    async remove(id: string): Promise<void> {
      await database.query(`delete from longshore.workers where id = $1`, [id]);
    },

    /** Forgets workers that have been silent for `silentMs`; their runs have been rescued by then. */
    async removeSilent(silentMs: number): Promise<void> {
      await database.query(`delete from longshore.workers where heartbeat_at < now() - $1 * interval '1 millisecond'`, [
        silentMs,
      ]);
    },
  };
}
