import type { Engine } from './engine.ts';
import { announceWork } from './gatekeeper.ts';
import { Loop } from './loop.ts';

const IDLE_MS = 60_000;

/**
 * Tells those who take jobs that a tenant which may only have so many in flight has room again: they went past its jobs, and would
 * not look again before the next poll.
 */
export class FreedPlaces {
  #engine: Engine | undefined;
  #loop: Loop | undefined;
  /** Tenants with a place that has become free since the last look. */
  readonly #tenants = new Set<string>();
  #unsubscribe: () => void = () => undefined;

  start(engine: Engine): void {
    this.#engine = engine;
    this.#loop ??= new Loop('telling of free places', engine.log, () => this.#tell(engine));
    // A limit may have been raised, or be none any more.
    this.#unsubscribe = engine.limits.onChanged((tenants) => this.#add(tenants));
    this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.#loop?.stop();
  }

  /** Jobs of these tenants have ended, or wait again: where a limit was reached, another may be taken. */
  note(tenants: readonly string[]): void {
    this.#add(tenants.filter((tenant) => this.#engine?.limits.isRunningLimited(tenant)));
  }

  #add(tenants: readonly string[]): void {
    if (tenants.length === 0) return;
    for (const tenant of tenants) this.#tenants.add(tenant);
    this.#loop?.wake();
  }

  async #tell(engine: Engine): Promise<number> {
    const tenants = [...this.#tenants];
    this.#tenants.clear();
    if (tenants.length > 0) {
      const queues = [...engine.registry.queues.keys()];
      announceWork(engine, await engine.store.backlog.queuesWithBacklog(queues, tenants));
    }
    return IDLE_MS;
  }
}
