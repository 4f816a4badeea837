import type pg from 'pg';
import { openPool } from '../servers/pool.ts';
import type { BenchJob, OpenContestant } from './contestant.ts';
import { loadPeer } from './load-peer.ts';

interface Runner {
  stop(): Promise<void>;
}

interface Utils {
  migrate(): Promise<void>;
  addJob(task: string, payload: BenchJob): Promise<unknown>;
  addJobs(jobs: { identifier: string; payload: BenchJob }[]): Promise<unknown>;
  release(): Promise<void>;
}

interface Module {
  makeWorkerUtils(options: { pgPool: pg.Pool; logger: unknown }): Promise<Utils>;
  run(options: {
    pgPool: pg.Pool;
    logger: unknown;
    noHandleSignals: boolean;
    taskList: Record<string, (payload: unknown) => void>;
    preset: { worker: Record<string, unknown> };
  }): Promise<Runner>;
  Logger: new (factory: () => (level: string, message: string) => void) => unknown;
}

const POOL_SIZE = 20;
const LOCAL_QUEUE = 1000;
/** With more, it is slower. */
const CONCURRENCY = 24;
const COUNT = 'select count(*)::int as jobs from graphile_worker._private_jobs';

/** graphile-worker: a local queue and completions in batches, as its page on performance advises; the sizes were measured. */
export const open: OpenContestant = async ({ databaseUrl, profile }) => {
  const { makeWorkerUtils, run, Logger } = loadPeer<Module>('graphile-worker');
  const logger = new Logger(() => (level, message) => {
    if (level === 'error') console.error('graphile-worker:', message);
  });
  const pgPool = openPool(databaseUrl, POOL_SIZE);
  const utils = await makeWorkerUtils({ pgPool, logger });
  await utils.migrate();
  let runner: Runner | undefined;
  let started = 0;
  const countLeft = async () => (await pgPool.query<{ jobs: number }>(COUNT)).rows[0]?.jobs ?? 0;
  return {
    enqueue: (job) => utils.addJob('noop', job),
    enqueueMany: (jobs) => utils.addJobs(jobs.map((payload) => ({ identifier: 'noop', payload }))),
    settle: async () => {},
    async startWorker({ concurrency, onRun }) {
      const batches = { localQueue: { size: LOCAL_QUEUE }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
      runner = await run({
        pgPool,
        logger,
        noHandleSignals: true,
        taskList: {
          noop: (payload) => {
            started += 1;
            onRun(payload as BenchJob);
          },
        },
        preset: {
          worker: {
            concurrentJobs: Math.min(concurrency, CONCURRENCY),
            pollInterval: 500,
            ...(profile === 'latency' ? {} : batches),
          },
        },
      });
    },
    // A finished job is deleted: what has started and is not there any more has finished.
    countFinished: async () => started - (await countLeft()),
    countUnfinished: countLeft,
    async close() {
      await runner?.stop();
      await utils.release();
      await pgPool.end();
    },
  };
};
