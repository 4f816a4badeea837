import type { Store } from '../../store/store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { Loop } from '../loop.ts';

export interface LeadershipOptions {
  store: Store;
  /** What is led; one process of an installation leads it. */
  name: string;
  /** Tells this process from all others. */
  holder: string;
  leaseMs: number;
  onGained: () => void;
  log: Logger;
}

/**
 * Elects one process by a lease row, which works through transaction poolers too. A leader that dies is replaced after
 * the lease; one that stops gives it back. What a leader does must stay right if two lead for a moment: one that hangs
 * between the look at its lease and a statement is not stopped by it.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #loop: Loop;
  #leadsUntilMs = 0;
  #steadySinceMs = performance.now();
  #renewedAtMs = Date.now();

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#loop = new Loop(`electing the leader of ${options.name}`, options.log, () => this.#renew());
  }

  get isLeader(): boolean {
    return performance.now() < this.#leadsUntilMs;
  }

  /** For how long this process has been awake and the database has answered it. */
  get steadyMs(): number {
    return this.#hasSlept() ? 0 : performance.now() - this.#steadySinceMs;
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    if (!this.isLeader) return;
    this.#leadsUntilMs = 0;
    const { store, name, holder, log } = this.#options;
    await store.leases
      .release(name, holder)
      .catch((error: unknown) => log.debug('a lease was not given back; it ends by itself', { error }));
  }

  // By the wall clock, which goes on while the machine sleeps.
  #hasSlept(): boolean {
    return Date.now() - this.#renewedAtMs > this.#options.leaseMs;
  }

  async #renew(): Promise<number> {
    const { store, name, holder, leaseMs, onGained, log } = this.#options;
    if (this.#hasSlept()) this.#steadySinceMs = performance.now();
    const wasLeader = this.isLeader;
    let othersMs: number;
    const askedAtMs = performance.now(); // the lease counts from before the question: it may have been granted at once
    try {
      othersMs = await store.leases.acquire(name, holder, leaseMs);
      this.#leadsUntilMs = othersMs === 0 ? askedAtMs + leaseMs : 0;
      this.#renewedAtMs = Date.now();
    } catch (error) {
      this.#steadySinceMs = performance.now();
      throw error;
    }
    if (this.isLeader && !wasLeader) {
      log.info(`this process leads the ${name}`);
      onGained();
    }
    if (wasLeader && !this.isLeader) log.warn(`another process leads the ${name} now`);
    return othersMs === 0 ? leaseMs / 3 : Math.min(othersMs, leaseMs / 3); // at once when the lease of another is over
  }
}
