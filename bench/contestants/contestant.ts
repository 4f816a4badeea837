/** What every job carries, at every contestant. */
export interface BenchJob {
  n: number;
  /** When its producer sent it, by the clock that all processes of the machine share; see {@link nowUs}. */
  sentAtUs: number;
}

/** `latency`: a few jobs that must start at once. `throughput`: as many as possible. Each queue gets its best settings. */
export type Profile = 'throughput' | 'latency';

export interface ContestantSettings {
  databaseUrl: string;
  redisUrl: string;
  /** Takes the webhooks of 1 % of Longshore's jobs. */
  webhookUrl: string;
  profile: Profile;
  /** More settings of Longshore, as in the environment. */
  environment: Record<string, string>;
}

export interface WorkerOptions {
  concurrency: number;
  /** To be called first thing in the handler. */
  onRun: (job: { sentAtUs: number }) => void;
}

/** One queue as its users know it: the fastest settings that its documentation names, every completion kept. */
export interface Contestant {
  /** Resolves when the queue says that the job is accepted. */
  enqueue(job: BenchJob): Promise<unknown>;
  /** The same for many in one call. */
  enqueueMany(jobs: readonly BenchJob[]): Promise<unknown>;
  /** Waits for what the queue does behind its answers. */
  settle(): Promise<void>;
  startWorker(options: WorkerOptions): Promise<void>;
  /** Jobs that this worker has run and whose completion the queue's store has confirmed. */
  countFinished(): Promise<number>;
  /** What the store still holds as not finished: asked after a run, to see that nothing was left out. */
  countUnfinished(): Promise<number>;
  close(): Promise<void>;
}

/** Every file of a contestant exports it as `open`. */
export type OpenContestant = (settings: ContestantSettings) => Promise<Contestant>;

/** CLOCK_MONOTONIC in microseconds: the same in all processes of a machine. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
