import type { ContestantSettings } from './contestant.ts';

export const contestantNames = [
  'bullmq-redis',
  'longshore-bullmq',
  'longshore-postgres',
  'graphile-worker',
  'pg-boss',
  'bullmq-postgres',
  'bee-queue',
] as const;
export type ContestantName = (typeof contestantNames)[number];

/** By the clock of {@link nowUs}. */
export interface EnqueueTiming {
  /** Fewer than were asked for when the time was over. */
  jobs: number;
  startedAtUs: number;
  /** When the last call was answered. */
  answeredAtUs: number;
  /** When what happens behind the answers was done, too. */
  settledAtUs: number;
}

export interface WorkTiming {
  /** When the first job that counts began. */
  startedAtUs: number;
  /** Jobs that finished from then on; fewer than were waited for when the time was over. */
  jobs: number;
  /** When the completion of the last was confirmed. */
  finishedAtUs: number;
}

/** What a process that holds a contestant does for the one that measures. */
export interface ContestantCommands {
  open(contestant: ContestantName, settings: ContestantSettings): Promise<void>;
  /**
   * @param callers how many add jobs at the same time, each waiting for its answer before the next
   * @param limitMs after it no further job is added
   */
  enqueueSingles(count: number, callers: number, limitMs: number): Promise<EnqueueTiming>;
  enqueueBulks(count: number, size: number, limitMs: number): Promise<EnqueueTiming>;
  /** One job after another at a steady pace, whatever the answers take. */
  enqueueAtRate(count: number, perSecond: number): Promise<EnqueueTiming>;
  startWorker(concurrency: number): Promise<void>;
  /**
   * Waits until `count` jobs in all have finished; at most `limitMs` for the first `skip`, and as long for the others.
   * @param skip jobs that only warm up: the timing begins with the next
   */
  awaitFinished(count: number, skip: number, limitMs: number): Promise<WorkTiming>;
  /** Milliseconds from each job's enqueue call to its handler's start, in the order of the starts. */
  takeLatencies(): Promise<number[]>;
  countUnfinished(): Promise<number>;
  close(): Promise<void>;
}
