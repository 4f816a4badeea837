import type { Queue, Worker } from 'bullmq';
import type { BenchJob, Contestant } from './contestant.ts';

type Process = (job: { data: BenchJob }) => Promise<null>;
type AnyQueue = Pick<Queue, 'add' | 'addBulk' | 'close' | 'getJobCounts'>;
type AnyWorker = Pick<Worker, 'close' | 'waitUntilReady'> & {
  on(event: 'completed' | 'error', listener: (subject: unknown) => void): unknown;
};

export interface BullMqParts {
  queue: AnyQueue;
  createWorker(process: Process, concurrency: number): AnyWorker;
  close(): Promise<void>;
}

export const QUEUE = 'bench';
/** Finished jobs are dropped, as BullMQ's guide for production advises: nothing is faster. */
const OPTIONS = { removeOnComplete: true, removeOnFail: 1000 };

/** Raw BullMQ, whatever its backend. */
export function createBullMqContestant({ queue, createWorker, close }: BullMqParts): Contestant {
  let worker: AnyWorker | undefined;
  let finished = 0;
  return {
    enqueue: (job) => queue.add('noop', job, OPTIONS),
    enqueueMany: (jobs) => queue.addBulk(jobs.map((data) => ({ name: 'noop', data, opts: OPTIONS }))),
    settle: async () => {},
    async startWorker({ concurrency, onRun }) {
      worker = createWorker(async ({ data }) => {
        onRun(data);
        return null;
      }, concurrency);
      // Emitted after the backend has confirmed the move to `completed`.
      worker.on('completed', () => {
        finished += 1;
      });
      worker.on('error', (error) => console.error('BullMQ:', error));
      await worker.waitUntilReady();
    },
    countFinished: async () => finished,
    async countUnfinished() {
      const counts = await queue.getJobCounts('wait', 'active', 'delayed', 'prioritized', 'failed');
      return Object.values(counts).reduce((sum, count) => sum + count, 0);
    },
    async close() {
      await worker?.close();
      await queue.close();
      await close();
    },
  };
}
