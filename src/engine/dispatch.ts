import type { Signals } from '../queue/signals.ts';
import type { Transports } from '../queue/transport.ts';
import { endsWithin } from '../shared/time.ts';
import { FairTurns } from '../store/fair-turns.ts';
import type { JobRow } from '../store/job-row.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Gatekeeper, KeyedJob } from './gatekeeper.ts';
import { Loop } from './loop.ts';
import type { TenantLimitBook } from './tenant-limits.ts';
import { Window } from './window.ts';

export interface DispatcherOptions {
  store: Store;
  transports: Transports;
  signals: Signals;
  /** Every queue that this program knows. */
  queues: readonly string[];
  intervalMs: number;
  batchSize: number;
  /** How many jobs of a queue BullMQ holds. */
  windowSize: number;
  /** Who gives jobs of a key their turn. */
  gatekeeper: Gatekeeper;
  /** Who knows which tenants have to wait in the record. */
  limits: TenantLimitBook;
  log: Logger;
}

/** How long a stop waits for a transport that does not answer. */
const HAND_OVER_GRACE_MS = 2000;
/** The shortest time between two measures of the window that enqueueing asks for. */
const MEASURE_EVERY_MS = 50;
/** When to look again at jobs that are due and locked: another process has them in its hands. */
const LOCKED_PAUSE_MS = 50;

/**
 * Brings committed jobs to their transports: at once when they are due and there is room, else from the record. Every
 * process does so for all queues; a lock in the statement keeps two from filling the same room.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #loop: Loop;
  readonly #window: Window;
  /** Fresh jobs that are handed over at the end of this turn of the event loop. */
  #fresh: JobRow[] = [];
  readonly #handingOver = new Map<Promise<boolean>, readonly JobRow[]>();
  readonly #heldQueues: Set<string>;
  readonly #claimedQueues: string[];
  /** Queues whose last batch from the backlog has not arrived yet. */
  readonly #filling = new Set<string>();
  /** Queues of which nothing more could be taken: what is left in their backlog waits for the limit of a tenant. */
  readonly #stuck = new Set<string>();
  readonly #turns = new Map<string, FairTurns>();
  #measuredAtMs = 0;
  #unsubscribe: (() => void)[] = [];

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#window = new Window(options.windowSize);
    this.#heldQueues = new Set(options.queues.filter((queue) => options.transports.of(queue).held));
    this.#claimedQueues = options.queues.filter((queue) => !this.#heldQueues.has(queue));
    this.#loop = new Loop('dispatching', options.log, () => this.#dispatchDue());
  }

  async start(): Promise<void> {
    this.#unsubscribe = [
      // Only SQL tells of work in a queue that BullMQ holds: programs hand it over themselves.
      this.#options.signals.subscribe('work', (queues) => {
        if (queues.some((queue) => this.#heldQueues.has(queue))) this.#loop.wake();
      }),
      this.#options.signals.subscribe('due', (times) => {
        for (const time of times) this.wakeAt(Number(time));
      }),
    ];
    await this.takeBack();
    await this.#measure();
    this.#loop.start();
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await endsWithin(Promise.all([this.#loop.stop(), this.settled()]), HAND_OVER_GRACE_MS);
    const left = [...this.#handingOver.values()].flat();
    if (left.length === 0) return;
    this.#options.log.warn(`${left.length} jobs were not handed over in time; they stay in the backlog`);
    await this.#putBack(left);
  }

  /**
   * Takes a place in BullMQ for a job that is about to be recorded, so that its row says at once that it is handed over.
   * @returns false where the record is the queue, or the job has to wait in it
   */
  reserve({ queue, tenant, concurrencyKey }: KeyedJob): boolean {
    if (!this.#heldQueues.has(queue) || concurrencyKey !== null) return false;
    if (this.#options.limits.isRunningLimited(tenant)) return false;
    const isReserved = this.#window.reserve(queue);
    const isRunningOut = this.#window.isRunningOut(queue);
    if (isRunningOut && performance.now() - this.#measuredAtMs > MEASURE_EVERY_MS) this.#loop.wake();
    return isReserved;
  }

  /** The job of a place is recorded now, or was not: from here on the record knows. */
  release(queue: string): void {
    this.#window.release(queue);
  }

  /** Takes a place in BullMQ for a job that shall run again later. @returns false when the record has to wake it */
  reserveDelayed(queue: string): boolean {
    return this.#window.reserveDelayed(queue);
  }

  /** A job that BullMQ held has started: there is room for another. */
  noteStart(queue: string): void {
    if (this.#window.noteStart(queue)) this.#loop.wake();
  }

  /**
   * Hands fresh, committed jobs over behind the caller's back: the record is safe already, so nobody waits for it. What one
   * commit has stored goes in one batch, in the order of the calls.
   */
  handOver(jobs: readonly JobRow[]): void {
    this.#options.gatekeeper.look(jobs.filter(({ status }) => status === 'queued'));
    for (const job of jobs) {
      if (job.status === 'scheduled') this.wakeAt(job.runAt.getTime());
      else if (job.status !== 'queued' || job.gate !== null) continue;
      else if (job.dispatchedAt !== null || !this.#options.transports.of(job.queue).held) this.#addFresh(job);
      else if (this.#window.noteBacklog(job.queue) || this.#isStuck(job.queue)) this.#loop.wake();
    }
  }

  /**
   * Takes back what BullMQ holds of queues that PostgreSQL serves now: from the time before, or from a program of the
   * former settings that still runs.
   */
  async takeBack(): Promise<void> {
    const { store, signals, log } = this.#options;
    const queues = await store.backlog.reclaimFromBullMq(this.#claimedQueues);
    if (queues.length === 0) return;
    log.info(`${queues.length} jobs that BullMQ held are served by PostgreSQL now`, { queues: [...new Set(queues)] });
    signals.publish('work', [...new Set(queues)]);
  }

  /** Resolves when everything that was given to `handOver` so far has been handed over. */
  async settled(): Promise<void> {
    this.#deliverFresh();
    await Promise.all(this.#handingOver.keys());
  }

  /** Something has been put into the backlog. */
  wake(): void {
    this.#loop.wake();
  }

  /** Something becomes due then. Epoch milliseconds. */
  wakeAt(atMs: number): void {
    this.#loop.wakeAt(atMs);
  }

  async #dispatchDue(): Promise<number> {
    const { store, signals, gatekeeper, batchSize, intervalMs } = this.#options;
    const promoted = await store.backlog.promoteDue(batchSize);
    signals.publish(
      'work',
      [...new Set(promoted.map(({ queue }) => queue))].filter((queue) => !this.#heldQueues.has(queue)),
    );
    gatekeeper.look(promoted);
    const withBacklog = await this.#measure();
    await Promise.all(withBacklog.map((queue) => this.#fill(queue)));
    if (promoted.length === batchSize) return 0;
    const dueInMs = (await store.backlog.nextDueMs()) ?? intervalMs;
    return Math.min(intervalMs, dueInMs === 0 && promoted.length === 0 ? LOCKED_PAUSE_MS : dueInMs);
  }

  /** @returns the queues that have a backlog and room */
  async #measure(): Promise<string[]> {
    if (this.#heldQueues.size === 0) return [];
    this.#window.beginMeasure();
    const measures = await this.#options.store.backlog.measure([...this.#heldQueues], this.#window.size);
    this.#measuredAtMs = performance.now();
    this.#window.update(measures);
    return measures.filter((each) => each.hasBacklog && each.waiting < this.#window.size).map((each) => each.queue);
  }

  // Not awaited to the end: a transport that does not answer must not hold up the loop. When a batch has arrived, the next
  // follows at once; where the transport refuses jobs, with the next interval.
  async #fill(queue: string): Promise<void> {
    const { store, batchSize } = this.#options;
    if (this.#filling.has(queue)) return;
    const window = this.#window.sizeForBacklog(queue);
    const taken = await store.backlog.take(queue, { limit: batchSize, window, turns: this.#turnsOf(queue) });
    if (taken.isDrained) this.#stuck.add(queue);
    else this.#stuck.delete(queue);
    if (taken.jobs.length === 0) return;
    this.#filling.add(queue);
    // Within BullMQ a priority would overtake the turns of other tenants, too; of each tenant they are in its order already.
    const isShared = taken.isShared || (await this.#overtakesOthers(queue, taken.jobs));
    const jobs = isShared ? taken.jobs.map((job) => ({ ...job, priority: 0 })) : taken.jobs;
    void this.#deliver(jobs).then((hasArrived) => {
      this.#filling.delete(queue);
      if (hasArrived) this.#loop.wake();
    });
  }

  /** Whether priorities of these jobs, which are of one tenant, would let them overtake what BullMQ holds of another. */
  async #overtakesOthers(queue: string, jobs: readonly JobRow[]): Promise<boolean> {
    const urgent = jobs.find(({ priority }) => priority !== 0);
    if (!urgent) return false;
    return this.#options.store.backlog.holdsOthers(queue, urgent.tenant).catch(() => true); // they are taken: plain jobs wrong nobody
  }

  // A fresh job of another tenant need not wait with it.
  #isStuck(queue: string): boolean {
    return this.#stuck.has(queue) && this.#window.hasRoom(queue);
  }

  #turnsOf(queue: string): FairTurns {
    const turns = this.#turns.get(queue) ?? new FairTurns();
    this.#turns.set(queue, turns);
    return turns;
  }

  #addFresh(job: JobRow): void {
    if (this.#fresh.length === 0) setImmediate(() => this.#deliverFresh());
    this.#fresh.push(job);
  }

  #deliverFresh(): void {
    const jobs = this.#fresh;
    if (jobs.length === 0) return; // `settled` was faster
    this.#fresh = [];
    void this.#deliver(jobs);
  }

  #deliver(jobs: readonly JobRow[]): Promise<boolean> {
    const task = this.#tryToDeliver(jobs).finally(() => this.#handingOver.delete(task));
    this.#handingOver.set(task, jobs);
    return task;
  }

  /** @returns whether all of them have arrived; never rejects */
  async #tryToDeliver(jobs: readonly JobRow[]): Promise<boolean> {
    const { transports, log } = this.#options;
    const byTransport = Map.groupBy(jobs, (job) => transports.of(job.queue));
    const arrivals = [...byTransport].map(async ([transport, group]) => {
      try {
        await transport.deliver(group);
        return true;
      } catch (error) {
        log.warn(`${group.length} jobs stay in the backlog for now`, { error });
        await this.#putBack(group);
        return false;
      }
    });
    return (await Promise.all(arrivals)).every((hasArrived) => hasArrived);
  }

  // Where that fails too, the comparison of the record with the transport finds them.
  async #putBack(jobs: readonly JobRow[]): Promise<void> {
    const { store, log } = this.#options;
    await store.backlog
      .putBack(jobs)
      .catch((error: unknown) => log.error('jobs could not be put back into the backlog', { error }));
  }
}
