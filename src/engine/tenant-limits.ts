import type { Signals } from '../queue/signals.ts';
import type { Store } from '../store/store.ts';
import type { TenantLimits } from '../store/tenants.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Loop } from './loop.ts';

/** How often limits are read although nothing was said of them: a signal may be lost. */
const REREAD_MS = 5000;
/** How long a count of waiting jobs is gone by. */
const COUNT_MS = 1000;

/** How many jobs wait, as it was read, and what came to it here since. */
interface Counted {
  maxQueued: number;
  count: Promise<number>;
  accepted: number;
  untilMs: number;
}

/**
 * The limits of tenants that have some, as they are asked for with every call: no query for any tenant without, and none
 * for most calls of the others.
 */
export class TenantLimitBook {
  readonly #store: Store;
  readonly #signals: Signals;
  readonly #loop: Loop;
  #limits = new Map<string, TenantLimits>();
  readonly #queued = new Map<string, Counted>();
  /** Places whose jobs are being recorded: no count is sure to have seen those. */
  readonly #pending = new Map<string, number>();
  #unsubscribe: (() => void)[] = [];
  readonly #listeners = new Set<(tenants: readonly string[]) => void>();
  #lastTurn = 0;
  #turn = 0;

  constructor(store: Store, signals: Signals, log: Logger) {
    this.#store = store;
    this.#signals = signals;
    this.#loop = new Loop('reading the limits of tenants', log, async () => {
      await this.reread();
      return REREAD_MS;
    });
  }

  /** @throws STORE_UNAVAILABLE */
  async start(): Promise<void> {
    await this.reread(); // nothing is let through because it is not known yet
    const wake = () => this.#loop.wake();
    this.#unsubscribe = [this.#signals.subscribe('limits', wake), this.#signals.onMissed(wake)];
    this.#loop.start();
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#loop.stop();
  }

  /** @returns undefined for a tenant that is limited in nothing of this */
  of(tenant: string): TenantLimits | undefined {
    return this.#limits.get(tenant);
  }

  /** Whether only so many of its jobs may run at once. */
  isRunningLimited(tenant: string): boolean {
    return this.of(tenant)?.maxRunning != null;
  }

  /** Calls back with tenants whose limit of running jobs is another one now, until the returned function is called. */
  onChanged(listener: (tenants: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads what is committed. @throws STORE_UNAVAILABLE */
  async reread(): Promise<void> {
    this.#lastTurn += 1;
    const turn = this.#lastTurn;
    const rows = await this.#store.tenants.listLimited();
    if (turn < this.#turn) return; // what was asked later is newer
    this.#turn = turn;
    const before = this.#limits;
    this.#limits = new Map(rows.map(({ name, ...limits }) => [name, limits]));
    this.#tell(before);
    for (const tenant of this.#queued.keys()) if (!this.#limits.has(tenant)) this.#queued.delete(tenant);
  }

  /**
   * Takes up to `wanted` places among the waiting jobs of a tenant. Exact within a process; what others accept is seen
   * within a second.
   * @returns how many there are
   */
  async reserveQueued(tenant: string, maxQueued: number, wanted: number): Promise<number> {
    const counted = this.#countQueued(tenant, maxQueued);
    const count = await counted.count;
    const granted = Math.max(0, Math.min(wanted, maxQueued - count - counted.accepted));
    counted.accepted += granted;
    this.#addPending(tenant, granted);
    return granted;
  }

  /** Ends a reservation: of its places so many have become jobs, the others are free again. */
  settleQueued(tenant: string, places: number, recorded: number): void {
    this.#addPending(tenant, -places);
    const counted = this.#queued.get(tenant);
    if (counted) counted.accepted = Math.max(0, counted.accepted - (places - recorded));
  }

  #addPending(tenant: string, places: number): void {
    const pending = (this.#pending.get(tenant) ?? 0) + places;
    if (pending > 0) this.#pending.set(tenant, pending);
    else this.#pending.delete(tenant);
  }

  #tell(before: ReadonlyMap<string, TenantLimits>): void {
    const names = new Set([...before.keys(), ...this.#limits.keys()]);
    const changed = [...names].filter((name) => before.get(name)?.maxRunning !== this.#limits.get(name)?.maxRunning);
    if (changed.length > 0) for (const listener of this.#listeners) listener(changed);
  }

  #countQueued(tenant: string, maxQueued: number): Counted {
    const known = this.#queued.get(tenant);
    if (known?.maxQueued === maxQueued && known.untilMs > Date.now()) return known;
    const count = this.#store.tenants.countQueued(tenant, maxQueued + 1);
    const counted = { maxQueued, count, accepted: this.#pending.get(tenant) ?? 0, untilMs: Date.now() + COUNT_MS };
    this.#queued.set(tenant, counted);
    count.catch(() => this.#queued.delete(tenant)); // whoever waits for it hears of it
    return counted;
  }
}
