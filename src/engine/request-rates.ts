import type { RequestCounter } from '../store/request-counter.ts';

/** The share of its limit that a process takes at once for a tenant: each time costs a question to the shared counts. */
const SHARES = 10;

/** What became of one call. */
export interface Allowance {
  isAllowed: boolean;
  /** Calls that the tenant has left in this second, as far as this process knows. */
  remaining: number;
  /** When the second ends. */
  resetMs: number;
}

interface Window {
  limit: number;
  /** Calls that were counted already and not made yet. */
  left: number;
  /** What all processes have counted, as far as is known. */
  total: number;
  endsAtMs: number;
  waiting: number;
  taking: Promise<void> | undefined;
}

/**
 * Keeps tenants within their requests per second, over all processes. Counts are shared in Redis or PostgreSQL; a process
 * takes calls from them in batches and gives those out by itself, so that most calls ask nobody. Never more than the limit
 * are allowed; what a process has taken and not given out is lost with its second.
 */
export class RequestRates {
  readonly #open: () => Promise<RequestCounter>;
  readonly #now: () => number;
  readonly #windows = new Map<string, Window>();
  #counter: Promise<RequestCounter> | undefined;

  /** @param open called with the first call of a tenant that has a limit */
  constructor(open: () => Promise<RequestCounter>, now: () => number = () => performance.now()) {
    this.#open = open;
    this.#now = now;
  }

  /** Counts one call. */
  async take(tenant: string, limit: number): Promise<Allowance> {
    for (;;) {
      const window = this.#windowOf(tenant, limit);
      if (window.left > 0) {
        window.left -= 1;
        return this.#toAllowance(window, true);
      }
      if (window.total >= limit) return this.#toAllowance(window, false);
      window.waiting += 1;
      window.taking ??= this.#takeMore(tenant, window).finally(() => {
        window.taking = undefined;
      });
      await window.taking;
    }
  }

  async stop(): Promise<void> {
    (await this.#counter)?.stop();
  }

  #windowOf(tenant: string, limit: number): Window {
    const known = this.#windows.get(tenant);
    if (known?.limit === limit && (known.endsAtMs > this.#now() || known.taking)) return known;
    const window = { limit, left: 0, total: 0, endsAtMs: Infinity, waiting: 0, taking: undefined };
    this.#windows.set(tenant, window);
    return window;
  }

  async #takeMore(tenant: string, window: Window): Promise<void> {
    this.#counter ??= this.#open();
    const counter = await this.#counter;
    const { limit } = window;
    const wanted = Math.min(limit, Math.max(window.waiting, Math.floor(limit / SHARES), 1));
    const { total, endsInMs } = await counter.add(tenant, wanted);
    window.waiting = 0;
    window.left += Math.max(0, Math.min(wanted, limit - (total - wanted)));
    window.total = total;
    window.endsAtMs = this.#now() + Math.max(1, endsInMs);
  }

  #toAllowance({ limit, left, total, endsAtMs }: Window, isAllowed: boolean): Allowance {
    const remaining = Math.max(0, limit - total) + left;
    return { isAllowed, remaining, resetMs: Math.max(0, Math.min(1000, endsAtMs - this.#now())) };
  }
}
