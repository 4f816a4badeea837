import type { Engine } from '../engine/engine.ts';
import { Loop } from '../engine/loop.ts';
import { rescueForgottenRuns } from '../engine/upkeep/rescue.ts';
import type { WorkerRow } from '../store/workers.ts';
import type { RunningJobs } from './running-jobs.ts';

export interface HeartbeatOptions {
  engine: Engine;
  running: RunningJobs;
  intervalMs: number;
  /** What the worker says of itself. */
  describe: () => WorkerRow;
  /** The record cannot be reached, or can be again. Each is called once a change. */
  onLost: () => void;
  onBack: () => void;
}

/** A heartbeat that is not answered by then is repeated. */
const TIMEOUT_MIN_MS = 1000;
const TIMEOUT_MAX_MS = 5000;
/** A run may be recorded for a while before this worker has heard of its start. */
const FORGOTTEN_AFTER_MS = 30_000;

/** Says that a worker lives, and compares its runs with what the record has of it. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #loop: Loop;
  /** Apart from the heartbeat, which must not wait for its queries. */
  readonly #comparing: Loop;
  #isLost = false;
  #lastAtMs: number | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#loop = new Loop('the heartbeat', options.engine.log, async () => {
      await this.#beat();
      return options.intervalMs;
    });
    this.#comparing = new Loop('comparing runs with the record', options.engine.log, async () => {
      await this.#abortEndedRuns();
      await this.#giveBackForgottenRuns();
      return options.intervalMs;
    });
  }

  /** Whether others may take this worker for dead: the record has not heard of it for a while. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Epoch milliseconds of the last one that arrived. */
  get lastAtMs(): number | undefined {
    return this.#lastAtMs;
  }

  /** Resolves when the first one has arrived: the lease exists before the first run. @throws STORE_UNAVAILABLE */
  async start(): Promise<void> {
    await this.#beat();
    this.#loop.start();
    this.#comparing.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#loop.stop(), this.#comparing.stop()]);
  }

  /** Somebody else could not reach the record: tries at once, and says when it is back. */
  suspect(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#options.onLost();
    this.#loop.wake();
  }

  async #beat(): Promise<void> {
    const { engine, describe, intervalMs, onBack } = this.#options;
    const timeoutMs = Math.min(TIMEOUT_MAX_MS, Math.max(TIMEOUT_MIN_MS, intervalMs));
    try {
      await engine.store.workers.heartbeat(describe(), timeoutMs);
    } catch (error) {
      this.suspect();
      throw error;
    }
    this.#lastAtMs = Date.now();
    if (this.#isLost) {
      this.#isLost = false;
      onBack();
      this.#comparing.wake();
    }
  }

  // A cancel's signal may have been lost, and a rescue elsewhere sends none.
  async #abortEndedRuns(): Promise<void> {
    const { engine, running } = this.#options;
    const runs = running.list().map((run) => ({ id: run.jobId, fence: run.fence }));
    if (runs.length === 0) return;
    running.abortAllBut(runs, await engine.store.jobs.findOpenRuns(runs));
  }

  // The answer to their start was lost, or their end could not be recorded and nobody offers them again.
  async #giveBackForgottenRuns(): Promise<void> {
    const { engine, running, describe } = this.#options;
    await rescueForgottenRuns(engine, describe().id, running.held, FORGOTTEN_AFTER_MS);
  }
}
