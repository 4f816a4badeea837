import { pause } from '../shared/time.ts';
import type { JobRow } from '../store/job-row.ts';
import type { RunKey } from '../store/jobs.ts';
import type { PostgresTransportOptions } from './postgres-transport.ts';
import type { ConsumeOptions, Consumer, RunOffer } from './transport.ts';

const ERROR_PAUSE_MAX_MS = 5000;
const FOREVER_MS = 2_147_483_647;

/** Claims jobs of one queue in batches, as many as it has free slots. */
export class PostgresConsumer implements Consumer {
  readonly #transport: PostgresTransportOptions;
  readonly #options: ConsumeOptions;
  readonly #run: RunOffer;
  readonly #stopping = new AbortController();
  readonly #runs = new Map<Promise<void>, RunKey>();
  /** Whether the record may ascribe runs to this worker that it does not know. */
  #isUncertain = false;
  #wake = new AbortController();
  #loop: Promise<void> | undefined;
  #unsubscribe: (() => void)[] = [];

  constructor(transport: PostgresTransportOptions, options: ConsumeOptions, run: RunOffer) {
    this.#transport = transport;
    this.#options = options;
    this.#run = run;
  }

  get running(): number {
    return this.#runs.size;
  }

  async start(): Promise<void> {
    if (this.#loop) return;
    const { signals, store } = this.#transport;
    await store.overview.ensureQueue(this.#options.queue);
    this.#unsubscribe = [
      signals.subscribe('work', (queues) => {
        if (queues.includes(this.#options.queue)) this.#wake.abort();
      }),
      signals.onMissed(() => this.#wake.abort()),
    ];
    this.#loop = this.#claimUntilStopped();
  }

  suspend(): void {} // without the record there is nothing to claim

  resume(): void {
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#loop;
    await Promise.all(this.#runs.keys());
  }

  async #claimUntilStopped(): Promise<void> {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController(); // before looking, so that a wake during the claim is not lost
      const free = this.#options.concurrency - this.#runs.size;
      let idleMs = FOREVER_MS; // the end of a run wakes a full consumer
      try {
        if (free > 0) idleMs = await this.#claimOnce(free);
        failures = 0;
      } catch (error) {
        this.#isUncertain = true; // the claim may have been committed all the same
        const fields = { queue: this.#options.queue, error };
        if (failures === 0) this.#transport.log.warn('claiming failed; trying until it works', fields);
        failures += 1;
        idleMs = Math.min(ERROR_PAUSE_MAX_MS, 100 * 2 ** failures);
      }
      if (idleMs > 0) await pause(idleMs, this.#wake.signal);
    }
  }

  /** @returns how long there is nothing to do unless a signal comes */
  async #claimOnce(free: number): Promise<number> {
    const { claims } = this.#transport.store;
    const { queue, worker, types, rateLimit } = this.#options;
    if (this.#isUncertain) await this.#giveBackForgotten();
    const grant = rateLimit
      ? await claims.takeRateTokens(queue, free, rateLimit.max, rateLimit.durationMs)
      : { granted: free, retryInMs: 0, window: '' };
    if (grant.granted === 0) return Math.max(1, grant.retryInMs);
    const rows = await claims.claim({ queue, worker, types, limit: grant.granted });
    for (const row of rows) this.#start(row);
    if (rateLimit && rows.length < grant.granted) {
      await claims.returnRateTokens(queue, grant.window, grant.granted - rows.length);
    }
    return rows.length < grant.granted ? this.#transport.pollIntervalMs : 0;
  }

  #start(row: JobRow): void {
    const offer = { jobId: row.id, queue: row.queue, fence: row.fence, row, foreign: undefined };
    const run = this.#run(offer).then((verdict) => {
      if (verdict.kind === 'unrecorded') this.#isUncertain = true;
      const wasFull = this.#runs.size >= this.#options.concurrency;
      this.#runs.delete(run);
      if (wasFull) this.#wake.abort();
    });
    this.#runs.set(run, { id: row.id, fence: row.fence });
  }

  async #giveBackForgotten(): Promise<void> {
    const { queue, worker } = this.#options;
    this.#isUncertain = false;
    const known = [...this.#runs.values()];
    const forgotten = await this.#transport.store.rescues.rescueForgotten({ worker, queue, known, minAgeMs: 0 });
    for (const { id, type } of forgotten) {
      this.#transport.log.warn('a run of this worker was lost; the job runs again', { jobId: id, type, queue });
    }
  }
}
