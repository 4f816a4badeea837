import type { Signals } from '../queue/signals.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Loop } from './loop.ts';

const POLL_MS = 10_000;

/**
 * The tenants of which somebody is told when a job completes. It saves a statement, no more: what it does not know yet, the
 * statement that ends a job finds by itself.
 */
export class Subscribers {
  readonly #signals: Signals;
  readonly #loop: Loop;
  #tenants: ReadonlySet<string> = new Set();
  #unsubscribe: () => void = () => undefined;

  constructor({ subscriptions }: Store, signals: Signals, log: Logger) {
    this.#signals = signals;
    this.#loop = new Loop('reading the subscriptions of webhooks', log, async () => {
      this.#tenants = new Set(await subscriptions.tenantsToldOfCompletions());
      return POLL_MS;
    });
  }

  start(): void {
    this.#unsubscribe = this.#signals.subscribe('subscriptions', () => this.#loop.wake());
    this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.#loop.stop();
  }

  hasOf(tenant: string): boolean {
    return this.#tenants.has(tenant);
  }
}
