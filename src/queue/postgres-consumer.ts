import { Wake } from '../shared/wake.ts';
import { FairTurns } from '../store/fair-turns.ts';
import type { JobRow } from '../store/job-row.ts';
import type { RunKey } from '../store/jobs.ts';
import { ClaimedJobs } from './claimed-jobs.ts';
import type { PostgresTransportOptions } from './postgres-transport.ts';
import type { ConsumeOptions, Consumer, RunOffer } from './transport.ts';

const ERROR_PAUSE_MAX_MS = 5000;
const FOREVER_MS = 2_147_483_647;
/** Runs whose handlers have ended may wait for their commit beside the running ones, up to so many. */
const MAX_ENDING = 2000;

/** Claims jobs of one queue in batches: for its free slots, and ahead of them as fast as its handlers are. */
export class PostgresConsumer implements Consumer {
  readonly #transport: PostgresTransportOptions;
  readonly #options: ConsumeOptions;
  readonly #run: RunOffer;
  #isStopping = false;
  #isSuspended = false;
  readonly #runs = new Map<Promise<void>, RunKey>();
  readonly #claimed: ClaimedJobs;
  readonly #turns = new FairTurns();
  /** How many handlers run; the other runs wait for the commit of their end. */
  #handling = 0;
  /** Whether the last claim took all that was there: then nobody looks again before a signal, or the next poll. */
  #isDrained = false;
  /** Whether the record may ascribe runs to this worker that it does not know. */
  #isUncertain = false;
  readonly #wake = new Wake();
  #loop: Promise<void> | undefined;
  #unsubscribe: (() => void)[] = [];

  constructor(transport: PostgresTransportOptions, options: ConsumeOptions, run: RunOffer) {
    this.#transport = transport;
    this.#options = options;
    this.#run = run;
    this.#claimed = new ClaimedJobs(options.rateLimit === undefined && options.keyWindowMs === null);
  }

  get running(): number {
    return this.#handling;
  }

  // Where one job runs at a time, the next begins when the end of the last is committed.
  get #taken(): number {
    return this.#options.concurrency === 1 ? this.#runs.size : this.#handling;
  }

  async start(): Promise<void> {
    if (this.#loop) return;
    const { signals, store } = this.#transport;
    await store.overview.ensureQueue(this.#options.queue);
    this.#unsubscribe = [
      signals.subscribe('work', (queues) => {
        if (queues.includes(this.#options.queue)) this.#wake.call();
      }),
      signals.subscribe('cancel', (ids) => this.#claimed.drop(ids)),
      signals.onMissed(() => this.#wake.call()),
    ];
    this.#loop = this.#claimUntilStopped();
  }

  suspend(): void {
    this.#isSuspended = true;
  }

  resume(): void {
    this.#isSuspended = false;
    this.#wake.call();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake.call();
    await this.#loop;
    await this.#giveBack().catch((error: unknown) =>
      this.#transport.log.warn('claimed jobs could not be given back; they are rescued', { error }),
    );
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await Promise.all(this.#runs.keys());
  }

  async #claimUntilStopped(): Promise<void> {
    let failures = 0;
    while (!this.#isStopping) {
      this.#wake.reset();
      let idleMs = FOREVER_MS; // the end of a handler wakes a full consumer
      try {
        if (this.#claimed.staleInMs === 0) await this.#giveBack();
        const wanted = this.#countWanted();
        if (wanted > 0) idleMs = await this.#claimOnce(wanted);
        else this.#isDrained = false; // who knows what is there when a slot becomes free
        idleMs = Math.min(idleMs, this.#claimed.staleInMs);
        failures = 0;
      } catch (error) {
        this.#isUncertain = true; // the claim may have been committed all the same
        const fields = { queue: this.#options.queue, error };
        if (failures === 0) this.#transport.log.warn('claiming failed; trying until it works', fields);
        failures += 1;
        idleMs = Math.min(ERROR_PAUSE_MAX_MS, 100 * 2 ** failures);
      }
      if (idleMs > 0) await this.#wake.wait(idleMs);
    }
  }

  /** @returns how many jobs to claim now; 0 while the slots are full, or enough has been claimed ahead */
  #countWanted(): number {
    if (this.#isSuspended || this.#runs.size - this.#handling >= MAX_ENDING) return 0;
    const free = this.#options.concurrency - this.#taken;
    return Math.max(0, free) + this.#claimed.countMissing();
  }

  /** @returns how long there is nothing to do unless a signal comes */
  async #claimOnce(wanted: number): Promise<number> {
    const { claims } = this.#transport.store;
    const { queue, worker, types, rateLimit, keyWindowMs: windowMs } = this.#options;
    if (this.#isUncertain) await this.#giveBackForgotten();
    const grant = rateLimit
      ? await claims.takeRateTokens(queue, wanted, rateLimit.max, rateLimit.durationMs)
      : { granted: wanted, retryInMs: 0, window: '' };
    if (grant.granted === 0) return Math.max(1, grant.retryInMs);
    const { jobs, isDrained } = await claims.claim({
      queue,
      worker,
      types,
      limit: grant.granted,
      turns: this.#turns,
      windowMs,
    });
    this.#isDrained = isDrained;
    this.#claimed.add(jobs);
    this.#fillSlots();
    if (rateLimit && jobs.length < grant.granted) {
      await claims.returnRateTokens(queue, grant.window, grant.granted - jobs.length);
    }
    return this.#isDrained ? this.#transport.pollIntervalMs : 0;
  }

  #fillSlots(): void {
    while (!this.#isStopping && !this.#isSuspended && this.#taken < this.#options.concurrency) {
      const row = this.#claimed.take();
      if (!row) return;
      this.#start(row);
    }
  }

  #start(row: JobRow): void {
    const offer = { jobId: row.id, queue: row.queue, fence: row.fence, row, foreign: undefined };
    let isHandled = false;
    const onHandled = () => {
      if (isHandled) return;
      isHandled = true;
      this.#handling -= 1;
      this.#claimed.noteHandled();
      this.#useFreeSlots();
    };
    this.#handling += 1;
    const run = this.#run(offer, onHandled).then((verdict) => {
      if (verdict.kind === 'unrecorded') this.#isUncertain = true;
      this.#runs.delete(run);
      onHandled();
      this.#useFreeSlots();
    });
    this.#runs.set(run, { id: row.id, fence: row.fence });
  }

  #useFreeSlots(): void {
    this.#fillSlots();
    if (!this.#isDrained && this.#countWanted() > 0) this.#wake.call();
  }

  /** Jobs that were claimed ahead and not started: others may run them. */
  async #giveBack(): Promise<void> {
    const jobs = this.#claimed.list();
    if (jobs.length === 0) return;
    const { store, signals } = this.#transport;
    await store.claims.giveBack(jobs);
    this.#claimed.drop(jobs.map(({ id }) => id));
    signals.publish('work', [this.#options.queue]);
  }

  async #giveBackForgotten(): Promise<void> {
    const { queue, worker, keyWindowMs } = this.#options;
    const ratedQueues = keyWindowMs === null ? [] : [queue];
    this.#isUncertain = false;
    const known: RunKey[] = [...this.#runs.values(), ...this.#claimed.list()];
    const forgotten = await this.#transport.store.rescues.rescueForgotten({
      ...{ worker, queue, known, minAgeMs: 0, ratedQueues },
    });
    for (const { id, type } of forgotten) {
      this.#transport.log.warn('a run of this worker was lost; the job runs again', { jobId: id, type, queue });
    }
  }
}
