import { openPool } from '../servers/pool.ts';
import type { BenchJob, OpenContestant } from './contestant.ts';
import { loadPeer } from './load-peer.ts';

interface Boss {
  start(): Promise<unknown>;
  stop(options: { graceful: boolean; close: boolean }): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  createQueue(name: string, options: { notify: boolean }): Promise<void>;
  send(name: string, data: BenchJob): Promise<unknown>;
  insert(name: string, jobs: { data: BenchJob }[]): Promise<unknown>;
  work(
    name: string,
    options: Record<string, number | boolean>,
    handler: (jobs: { data: BenchJob }[]) => Promise<void>,
  ): Promise<string>;
}

interface Module {
  PgBoss: new (options: Record<string, string | number | boolean>) => Boss;
}

const QUEUE = 'bench';
const POOL_SIZE = 20;
const BATCH = 1000;

/** pg-boss: batches of 1,000 that are fetched while they come back full, workers woken by NOTIFY. */
export const open: OpenContestant = async ({ databaseUrl, profile }) => {
  const { PgBoss } = loadPeer<Module>('pg-boss');
  const boss = new PgBoss({ connectionString: databaseUrl, max: POOL_SIZE, useListenNotify: true, schedule: false });
  boss.on('error', (error) => console.error('pg-boss:', error));
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  const database = openPool(databaseUrl, 1);
  const count = async (condition: string) => {
    const text = `select count(*)::int as jobs from pgboss.job where name = $1 and ${condition}`;
    return (await database.query<{ jobs: number }>(text, [QUEUE])).rows[0]?.jobs ?? 0;
  };
  return {
    enqueue: (job) => boss.send(QUEUE, job),
    enqueueMany: (jobs) =>
      boss.insert(
        QUEUE,
        jobs.map((data) => ({ data })),
      ),
    settle: async () => {},
    async startWorker({ onRun }) {
      const options = {
        pollingIntervalSeconds: 0.5,
        batchSize: profile === 'latency' ? 10 : BATCH,
        burstWhenBatchFull: true,
      };
      await boss.work(QUEUE, options, async (jobs) => {
        for (const { data } of jobs) onRun(data);
      });
    },
    countFinished: () => count(`state = 'completed'`),
    countUnfinished: () => count(`state <> 'completed'`),
    async close() {
      await boss.stop({ graceful: true, close: true });
      await database.end();
    },
  };
};
