import type { TransportName } from '../define/queue.ts';
import type { Failure } from '../shared/failure.ts';
import type { JobRow } from '../store/job-row.ts';

/** A run that a transport offers to a worker. */
export interface Offer {
  jobId: string;
  queue: string;
  /** The token of this run: larger than that of every run before it. */
  fence: number;
  /** The job, where taking it has already started it in the record (Postgres). */
  row: JobRow | undefined;
  /** What another BullMQ producer added to the queue; such a job may have no row yet. */
  foreign: ForeignJob | undefined;
}

/** A job as it was handed over. */
export type Delivery = Pick<JobRow, 'id' | 'queue' | 'delivery' | 'foreignId'>;

export interface ForeignJob {
  name: string;
  data: unknown;
  attempts: number | undefined;
  priority: number;
  addedAtMs: number;
}

/** What the engine decided and recorded; the transport obeys. */
export type Verdict =
  | { kind: 'completed'; output: unknown }
  | { kind: 'failed'; error: Failure }
  | { kind: 'retry'; delayMs: number; error: Failure }
  | { kind: 'later'; delayMs: number }
  | { kind: 'put_back' }
  | { kind: 'discarded' }
  /** Nothing could be recorded, so the run is still open: the job must be offered again. */
  | { kind: 'unrecorded'; delayMs: number };

/** Runs an offer to its end. Never rejects. */
export type RunOffer = (offer: Offer) => Promise<Verdict>;

export interface ConsumeOptions {
  queue: string;
  concurrency: number;
  rateLimit: { max: number; durationMs: number } | undefined;
  worker: string;
  /** The types that this worker knows. */
  types: readonly string[];
}

/** Takes jobs of one queue and runs them. */
export interface Consumer {
  readonly running: number;
  start(): Promise<void>;
  /** Takes no more jobs and resolves when those that run have ended. */
  stop(): Promise<void>;
}

/** How jobs reach workers. Both transports pass `test/contract`. */
export interface Transport {
  readonly name: TransportName;
  /** Whether jobs are handed over, and so live in the transport's own store too. */
  readonly holdsJobs: boolean;
  /**
   * Hands committed, due jobs over.
   * @throws TRANSPORT_UNAVAILABLE; any of them may have arrived all the same
   */
  deliver(jobs: readonly JobRow[]): Promise<void>;
  consume(options: ConsumeOptions, run: RunOffer): Consumer;
  /** Takes a job that has ended out of the transport, unless it runs. */
  remove(job: Delivery): Promise<void>;
  setPaused(queue: string, isPaused: boolean): Promise<void>;
  /** @throws when the transport's server does not answer */
  ping(): Promise<void>;
  stop(): Promise<void>;
}

/** Finds the transport of a queue. */
export interface Transports {
  of(queue: string): Transport;
  readonly all: readonly Transport[];
}
