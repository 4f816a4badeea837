import type { JobRow } from '../store/job-row.ts';

/** How long handlers should find work without another claim. */
const AHEAD_MS = 20;
const MAX_AHEAD = 500;
/** Who was claimed and not started by then is given back: the handlers have become slow. */
const STALE_MS = 500;
/** Over how long the pace of the handlers is measured. */
const PACE_MS = 50;

interface ClaimedJob {
  job: JobRow;
  claimedAtMs: number;
}

/**
 * Jobs of one consumer that were claimed ahead of its free slots, in their order. How many depends on the pace of the
 * handlers: what they end within 20 ms, so slow jobs are never taken from other workers.
 */
export class ClaimedJobs {
  readonly #mayClaimAhead: boolean;
  #jobs: ClaimedJob[] = [];
  #next = 0;
  #handled = 0;
  #measuredAtMs = performance.now();
  #perMs = 0;

  /** @param mayClaimAhead false where a claim spends tokens of a rate limit */
  constructor(mayClaimAhead: boolean) {
    this.#mayClaimAhead = mayClaimAhead;
  }

  get size(): number {
    return this.#jobs.length - this.#next;
  }

  /** When the oldest has waited for too long, in milliseconds; 0 when it has, Infinity when there is none. */
  get staleInMs(): number {
    const head = this.#jobs[this.#next];
    return head ? Math.max(0, head.claimedAtMs + STALE_MS - performance.now()) : Infinity;
  }

  /** How many to claim ahead now; 0 while at least half of them are there. */
  countMissing(): number {
    if (!this.#mayClaimAhead) return 0;
    this.#measurePace();
    const ahead = Math.min(MAX_AHEAD, Math.floor(this.#perMs * AHEAD_MS));
    return this.size > ahead / 2 ? 0 : ahead - this.size;
  }

  add(jobs: readonly JobRow[]): void {
    const claimedAtMs = performance.now();
    this.#keep([...this.#left(), ...jobs.map((job) => ({ job, claimedAtMs }))]);
  }

  /** The next one to start, unless it has waited for too long. */
  take(): JobRow | undefined {
    const head = this.#jobs[this.#next];
    if (!head || this.staleInMs === 0) return undefined;
    this.#next += 1;
    return head.job;
  }

  /** Forgets jobs that were cancelled, or given back. */
  drop(ids: readonly string[]): void {
    if (this.size === 0) return;
    const dropped = new Set(ids);
    this.#keep(this.#left().filter(({ job }) => !dropped.has(job.id)));
  }

  list(): JobRow[] {
    return this.#left().map(({ job }) => job);
  }

  /** A handler has ended. */
  noteHandled(): void {
    this.#handled += 1;
  }

  #left(): ClaimedJob[] {
    return this.#jobs.slice(this.#next);
  }

  #keep(jobs: ClaimedJob[]): void {
    this.#jobs = jobs;
    this.#next = 0;
  }

  #measurePace(): void {
    const now = performance.now();
    const passedMs = now - this.#measuredAtMs;
    if (passedMs < PACE_MS) return;
    this.#perMs = this.#handled / passedMs;
    this.#handled = 0;
    this.#measuredAtMs = now;
  }
}
