import type { Signals } from '../queue/signals.ts';
import type { Transports } from '../queue/transport.ts';
import { pause } from '../shared/time.ts';
import type { JobRow } from '../store/job-row.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Loop } from './loop.ts';

export interface DispatcherOptions {
  store: Store;
  transports: Transports;
  signals: Signals;
  /** Every queue that this program knows. */
  queues: readonly string[];
  intervalMs: number;
  batchSize: number;
  log: Logger;
}

/** How long a stop waits for a transport that does not answer. */
const HAND_OVER_GRACE_MS = 2000;

/** Brings committed jobs to their transports: at once when they are due, from the record when they become due. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #loop: Loop;
  readonly #handingOver = new Map<Promise<void>, readonly JobRow[]>();
  readonly #heldQueues: string[];

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#heldQueues = options.queues.filter((queue) => options.transports.of(queue).holdsJobs);
    this.#loop = new Loop('dispatching', options.log, () => this.#dispatchDue());
  }

  async start(): Promise<void> {
    const claimed = this.#options.queues.filter((queue) => !this.#heldQueues.includes(queue));
    await this.#options.store.claims.reclaimFromBullMq(claimed);
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await Promise.race([Promise.all([this.#loop.stop(), this.settled()]), pause(HAND_OVER_GRACE_MS)]);
    const left = [...this.#handingOver.values()].flat();
    if (left.length === 0) return;
    this.#options.log.warn(`${left.length} jobs were not handed over in time; they stay in the backlog`);
    await this.#options.store.claims.returnToBacklog(left.map((job) => job.id));
  }

  /** Hands fresh, committed jobs over behind the caller's back: the record is safe already, so nobody waits for it. */
  handOver(jobs: readonly JobRow[]): void {
    for (const job of jobs) if (job.status === 'scheduled') this.wakeAt(job.runAt.getTime());
    const due = jobs.filter((job) => job.status === 'queued');
    if (due.length === 0) return;
    void this.#deliver(due);
  }

  /** Resolves when everything that was given to `handOver` so far has been handed over. */
  async settled(): Promise<void> {
    await Promise.all(this.#handingOver.keys());
  }

  /** Something becomes due then. Epoch milliseconds. */
  wakeAt(atMs: number): void {
    this.#loop.wakeAt(atMs);
  }

  async #dispatchDue(): Promise<number> {
    const { store, signals, batchSize, intervalMs } = this.#options;
    const promoted = await store.claims.promoteDue(batchSize);
    signals.publish('work', promoted);
    const backlog = this.#heldQueues.length > 0 ? await store.claims.takeBacklog(this.#heldQueues, batchSize) : [];
    if (backlog.length > 0) await this.#deliver(backlog);
    if (promoted.length > 0 || backlog.length === batchSize) return 0;
    return Math.min(intervalMs, (await store.claims.nextDueMs()) ?? intervalMs);
  }

  #deliver(jobs: readonly JobRow[]): Promise<void> {
    const task = this.#tryToDeliver(jobs).finally(() => this.#handingOver.delete(task));
    this.#handingOver.set(task, jobs);
    return task;
  }

  async #tryToDeliver(jobs: readonly JobRow[]): Promise<void> {
    const { transports, store, log } = this.#options;
    for (const [transport, group] of Map.groupBy(jobs, (job) => transports.of(job.queue))) {
      try {
        await transport.deliver(group);
      } catch (error) {
        log.warn(`${group.length} jobs stay in the backlog for now`, { error });
        await store.claims
          .returnToBacklog(group.map((job) => job.id))
          .catch((cause: unknown) => log.error('jobs could not be put back into the backlog', { error: cause }));
      }
    }
  }
}
