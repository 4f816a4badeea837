import type { BenchJob, OpenContestant } from './contestant.ts';
import { loadPeer } from './load-peer.ts';

interface Queue {
  ready(): Promise<unknown>;
  on(event: 'succeeded' | 'error', listener: (subject: unknown) => void): unknown;
  createJob(data: BenchJob): { save(): Promise<unknown> };
  saveAll(jobs: { save(): Promise<unknown> }[]): Promise<Map<unknown, Error>>;
  process(concurrency: number, handler: (job: { data: BenchJob }) => Promise<null>): void;
  checkHealth(): Promise<{ waiting: number; active: number; failed: number; delayed: number }>;
  close(timeoutMs: number): Promise<void>;
}

type Module = new (name: string, settings: Record<string, unknown>) => Queue;

const CLOSE_MS = 2000;

/** bee-queue, for reference: a queue on Redis that does as little as possible. */
export const open: OpenContestant = async ({ redisUrl }) => {
  const BeeQueue = loadPeer<Module>('bee-queue');
  const queue = new BeeQueue('bench', {
    redis: { url: redisUrl },
    removeOnSuccess: true,
    getEvents: false,
    sendEvents: false,
    storeJobs: false,
  });
  queue.on('error', (error) => console.error('bee-queue:', error));
  await queue.ready();
  let finished = 0;
  return {
    enqueue: (job) => queue.createJob(job).save(),
    async enqueueMany(jobs) {
      const failures = await queue.saveAll(jobs.map((job) => queue.createJob(job)));
      if (failures.size > 0) throw new Error(`bee-queue refused ${failures.size} jobs`);
    },
    settle: async () => {},
    async startWorker({ concurrency, onRun }) {
      // Emitted after Redis has confirmed the end.
      queue.on('succeeded', () => {
        finished += 1;
      });
      queue.process(concurrency, async ({ data }) => {
        onRun(data);
        return null;
      });
    },
    countFinished: async () => finished,
    async countUnfinished() {
      const { waiting, active, failed, delayed } = await queue.checkHealth();
      return waiting + active + failed + delayed;
    },
    close: () => queue.close(CLOSE_MS),
  };
};
