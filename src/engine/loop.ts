import { Wake } from '../shared/wake.ts';
import type { Logger } from '../telemetry/logger.ts';

const ERROR_PAUSE_MS = 1000;

/**
 * Calls `work` again and again, never twice at the same time: after the milliseconds that it returned, or at once when
 * woken. A failure is logged and tried again after a second.
 */
export class Loop {
  readonly #name: string;
  readonly #work: () => Promise<number>;
  readonly #log: Logger;
  readonly #wake = new Wake();
  #isStopping = false;
  #wakeAtMs = Infinity;
  #running: Promise<void> | undefined;
  #isFailing = false;

  constructor(name: string, log: Logger, work: () => Promise<number>) {
    this.#name = name;
    this.#log = log;
    this.#work = work;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wake.call();
    await this.#running;
  }

  wake(): void {
    this.#wake.call();
  }

  /** Wakes the loop at a time, unless it runs before anyhow. Epoch milliseconds. */
  wakeAt(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = atMs;
    this.#wake.call(); // it takes the new time into account
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#wake.reset();
      if (this.#wakeAtMs <= Date.now()) this.#wakeAtMs = Infinity;
      const idleMs = await this.#workOnce();
      if (idleMs > 0) await this.#wake.wait(Math.max(1, Math.min(idleMs, this.#wakeAtMs - Date.now())));
    }
  }

  async #workOnce(): Promise<number> {
    try {
      const idleMs = await this.#work();
      if (this.#isFailing) this.#log.info(`${this.#name} works again`);
      this.#isFailing = false;
      return idleMs;
    } catch (error) {
      // One line for an outage, not one for every try.
      if (!this.#isFailing) this.#log.warn(`${this.#name} failed; trying until it works`, { error });
      this.#isFailing = true;
      return ERROR_PAUSE_MS;
    }
  }
}
