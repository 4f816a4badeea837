import type { IServerAdapter } from '@bull-board/api/dist/types.js';
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
  /** `isParked`: the record wakes the job, so the transport forgets it. */
  | { kind: 'retry'; delayMs: number; error: Failure; isParked: boolean }
  | { kind: 'later'; delayMs: number; isParked: boolean }
  | { kind: 'put_back' }
  | { kind: 'discarded' }
  /** A pipeline waits for its steps: the record hands it over anew. */
  | { kind: 'suspended' }
  /** Nothing could be recorded, so the run is still open: the job must be offered again. */
  | { kind: 'unrecorded'; delayMs: number };

/**
 * Runs an offer to its end. Never rejects.
 * @param onHandled called once, when the handler has ended: what follows waits for the record, and needs no slot any more
 */
export type RunOffer = (offer: Offer, onHandled: () => void) => Promise<Verdict>;

export interface ConsumeOptions {
  queue: string;
  concurrency: number;
  rateLimit: { max: number; durationMs: number } | undefined;
  /** How long the window is that starts of a key are counted in; null where they are not. */
  keyWindowMs: number | null;
  worker: string;
  /** The types that this worker knows. */
  types: readonly string[];
}

/** Takes jobs of one queue and runs them. */
export interface Consumer {
  readonly running: number;
  start(): Promise<void>;
  /** Takes no jobs until `resume`; those that run go on. For a worker that cannot reach the record. */
  suspend(): void;
  resume(): void;
  /** Takes no more jobs and resolves when those that run have ended. */
  stop(): Promise<void>;
}

/** How jobs reach workers. Both transports pass `test/contract`. */
export interface Transport {
  readonly name: TransportName;
  /** What the transport keeps in a store of its own; undefined where the record is the queue. */
  readonly held: HeldJobs | undefined;
  /**
   * Hands committed, due jobs over.
   * @throws TRANSPORT_UNAVAILABLE; any of them may have arrived all the same
   */
  deliver(jobs: readonly JobRow[]): Promise<void>;
  consume(options: ConsumeOptions, run: RunOffer): Consumer;
  /** Takes a job that has ended out of the transport, unless it runs. */
  remove(job: Delivery): Promise<void>;
  setPaused(queue: string, isPaused: boolean): Promise<void>;
  /** Fills a board with queues, for people to look into; left out where there is none for the transport. */
  showBoard?(queues: readonly string[], board: IServerAdapter): Promise<void>;
  /** @throws when the transport's server does not answer */
  ping(): Promise<void>;
  stop(): Promise<void>;
}

export type DeliveryState = 'missing' | 'waiting' | 'delayed' | 'active' | 'finished';

/** A delivery of ours, as the transport's store knows it. */
export interface HeldDelivery {
  /** Its id in that store. */
  key: string;
  jobId: string;
  delivery: number;
}

/** What a transport holds besides the record; the reconciler compares the two. */
export interface HeldJobs {
  /**
   * Counts up in the transport's store. A number that does not follow the last one tells that the store was emptied or has
   * gone back to an earlier state.
   */
  countUp(): Promise<number>;
  /** Where these deliveries are, in their order. */
  findStates(queue: string, jobs: readonly Delivery[]): Promise<DeliveryState[]>;
  /** Our deliveries that wait or are delayed, in pages. One that moves meanwhile may be left out. */
  listWaiting(queue: string): AsyncGenerator<HeldDelivery[]>;
  /** @returns whether it was there and is one of ours */
  drop(queue: string, key: string): Promise<boolean>;
  isPaused(queue: string): Promise<boolean>;
  /** How long no job starts because `max` have started in the window of the queue, in milliseconds; 0 where that is not so. */
  rateLimitedMs(queue: string, max: number): Promise<number>;
}

/** Finds the transport of a queue. */
export interface Transports {
  of(queue: string): Transport;
  readonly all: readonly Transport[];
}
