import type { Signals } from '../queue/signals.ts';
import { isAppError } from '../shared/errors.ts';
import type { KnownKey } from '../store/api-keys.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How long what was read of a key counts, at most: a revoke whose signal was lost is heard by then. */
const CACHE_MS = 5000;
/** The most keys that are remembered, and the most that are remembered as unknown. */
const CACHE_MAX = 10_000;
const NOTE_USE_MS = 60_000;
/** Uses of this long are written down together. */
const FLUSH_MS = 1000;

interface Cached {
  key: KnownKey | undefined;
  untilMs: number;
}

export interface KeyRingOptions {
  store: Store;
  signals: Signals;
  log: Logger;
}

/**
 * The keys of callers, as far as they are known here: a request costs no query but the first of some seconds. What is
 * said of a key in another process is heard by the signal `keys`.
 */
export class KeyRing {
  readonly #options: KeyRingOptions;
  readonly #known = new Map<string, Cached>();
  // Apart, so that guesses do not push out the keys of others.
  readonly #unknown = new Map<string, Cached>();
  readonly #reading = new Map<string, Promise<KnownKey | undefined>>();
  /** Changes whenever what is being read may be out of date already. */
  #generation = 0;
  #hasKeys = false;
  #isEmptyUntilMs = 0;
  readonly #usedAtMs = new Map<string, number>();
  readonly #unrecorded = new Set<string>();
  #flushTimer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #unsubscribe: (() => void)[] = [];

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  start(): void {
    const { signals } = this.#options;
    const forget = () => this.#forget();
    this.#unsubscribe = [signals.subscribe('keys', forget), signals.onMissed(forget)];
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    clearTimeout(this.#flushTimer);
    this.#flush();
    await this.#flushing;
  }

  /**
   * Finds a key by its hash, whatever has become of it.
   * @returns at once what is remembered, else a promise
   * @throws STORE_UNAVAILABLE
   */
  find(hash: string): KnownKey | undefined | Promise<KnownKey | undefined> {
    const cached = this.#known.get(hash) ?? this.#unknown.get(hash);
    if (cached && cached.untilMs > Date.now()) return cached.key;
    const reading = this.#reading.get(hash) ?? this.#read(hash).finally(() => this.#reading.delete(hash));
    this.#reading.set(hash, reading);
    return reading;
  }

  /**
   * Whether there is no key at all, not even one that is no longer good.
   * @throws STORE_UNAVAILABLE
   */
  isEmpty(): boolean | Promise<boolean> {
    if (this.#hasKeys) return false;
    return this.#isEmptyUntilMs > Date.now() ? true : this.#readEmpty();
  }

  /** Takes note that a key was used. It is written down later, and at most once a minute. */
  noteUse(id: string): void {
    const nowMs = Date.now();
    if (nowMs - (this.#usedAtMs.get(id) ?? -Infinity) < NOTE_USE_MS) return;
    if (this.#usedAtMs.size >= CACHE_MAX) this.#usedAtMs.clear(); // the record itself looks at the minute, too
    this.#usedAtMs.set(id, nowMs);
    this.#unrecorded.add(id);
    this.#flushTimer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  async #read(hash: string): Promise<KnownKey | undefined> {
    const generation = this.#generation;
    const key = await this.#options.store.apiKeys.findByHash(hash);
    if (generation !== this.#generation) return key; // it may have been revoked since: the next call looks again
    const cache = key ? this.#known : this.#unknown;
    cache.delete(hash);
    if (cache.size >= CACHE_MAX) cache.delete(cache.keys().next().value ?? '');
    cache.set(hash, { key, untilMs: Date.now() + CACHE_MS });
    return key;
  }

  async #readEmpty(): Promise<boolean> {
    const generation = this.#generation;
    const hasAny = await this.#options.store.apiKeys.hasAny();
    this.#hasKeys ||= hasAny; // a key that is revoked stays
    if (generation === this.#generation) this.#isEmptyUntilMs = Date.now() + CACHE_MS;
    return !hasAny;
  }

  #forget(): void {
    this.#generation += 1;
    this.#known.clear();
    this.#unknown.clear();
    this.#reading.clear();
    this.#isEmptyUntilMs = 0;
  }

  #flush(): void {
    this.#flushTimer = undefined;
    const ids = [...this.#unrecorded];
    this.#unrecorded.clear();
    if (ids.length === 0) return;
    const { store, log } = this.#options;
    this.#flushing = store.apiKeys.noteUse(ids).catch((error: unknown) => {
      for (const id of ids) this.#usedAtMs.delete(id); // the next use tells it again
      const level = isAppError(error, 'STORE_UNAVAILABLE') ? 'debug' : 'warn';
      log[level]('the last use of keys could not be recorded', { error });
    });
  }
}
