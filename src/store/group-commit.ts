import { isAppError } from '../shared/errors.ts';

export interface GroupCommitOptions<Item, Result> {
  /** Writes all items in one statement, or none of them when it rejects. Results are in the order of the items. */
  write(items: readonly Item[]): Promise<readonly Result[]>;
  /** How many statements may be under way at once. With one, nobody prepares the next while the server works. */
  lanes: number;
  /** The most items of a statement. */
  maxItems: number;
  /** The most bytes of a statement, unless a single item has more. */
  maxBytes: number;
  /** Roughly what an item adds to the statement; default 0. */
  sizeOf?: (item: Item) => number;
  /** Items with the same key are written one after the other, in the order of their calls; default: none have. */
  keyOf?: (item: Item) => string;
}

/** A statement that takes longer no longer occupies its lane: it may hang on a connection whose other end is gone. */
const SLOW_MS = 500;
/** So many of those at once, then the rest waits: the connections of the pool are not for one kind of write alone. */
const MAX_SLOW = 3;

export interface GroupCommitStats {
  flushes: number;
  /** Items that were written, or refused. */
  items: number;
  largestFlush: number;
  /** How long items waited for their statement to begin, and how long statements took: sums, in milliseconds. */
  waitMs: number;
  flushMs: number;
}

interface Waiting<Item, Result> {
  item: Item;
  key: string | undefined;
  bytes: number;
  addedAtMs: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Turns concurrent calls into few statements: whoever calls while others do shares their commit. A call alone is written
 * at the end of the turn of the event loop. An item that the server refuses fails its own caller and nobody else.
 */
export class GroupCommit<Item, Result> {
  readonly #options: GroupCommitOptions<Item, Result>;
  readonly #waiting: Waiting<Item, Result>[] = [];
  /** The statements under way, with the time when each began. */
  readonly #flushing = new Map<Promise<void>, number>();
  #itemsInFlight = 0;
  readonly #keysInFlight = new Set<string>();
  #isScheduled = false;
  #slowTimer: NodeJS.Timeout | undefined;
  readonly #stats: GroupCommitStats = { flushes: 0, items: 0, largestFlush: 0, waitMs: 0, flushMs: 0 };

  constructor(options: GroupCommitOptions<Item, Result>) {
    this.#options = options;
  }

  /** Writes an item together with those of other callers. @returns its own result @throws what its write was refused for */
  add(item: Item): Promise<Result> {
    const { sizeOf, keyOf } = this.#options;
    return new Promise((resolve, reject) => {
      const [key, bytes] = [keyOf?.(item), sizeOf?.(item) ?? 0];
      this.#waiting.push({ item, key, bytes, addedAtMs: performance.now(), resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when everything that was added has been written or refused. */
  async settled(): Promise<void> {
    while (this.#waiting.length > 0 || this.#flushing.size > 0) {
      if (this.#flushing.size === 0) this.#fillLanes();
      await Promise.all(this.#flushing.keys());
    }
  }

  getStats(): GroupCommitStats {
    return { ...this.#stats };
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    if (!this.#hasFreeLane()) {
      this.#slowTimer ??= setTimeout(() => {
        this.#slowTimer = undefined;
        this.#fillLanes();
      }, SLOW_MS);
      return;
    }
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#fillLanes();
    });
  }

  #hasFreeLane(): boolean {
    const { lanes } = this.#options;
    if (this.#flushing.size < lanes) return true;
    const slowSinceMs = performance.now() - SLOW_MS;
    const slow = [...this.#flushing.values()].filter((startedAtMs) => startedAtMs <= slowSinceMs).length;
    return this.#flushing.size - slow < lanes && slow <= MAX_SLOW;
  }

  #fillLanes(): void {
    while (this.#waiting.length > 0 && this.#hasFreeLane()) {
      const batch = this.#takeBatch();
      if (batch.length === 0) return; // all wait for items of the same key
      const flush = this.#flush(batch).finally(() => {
        this.#flushing.delete(flush);
        this.#fillLanes();
      });
      this.#flushing.set(flush, performance.now());
    }
    clearTimeout(this.#slowTimer);
    this.#slowTimer = undefined;
    if (this.#waiting.length > 0) this.#schedule();
  }

  // A lane's share of all callers and no more: a batch of everybody would leave nothing to do while it is written.
  #takeBatch(): Waiting<Item, Result>[] {
    const { lanes, maxItems, maxBytes, keyOf } = this.#options;
    const share = Math.min(maxItems, Math.ceil((this.#waiting.length + this.#itemsInFlight) / lanes));
    let bytes = 0;
    let count = 0;
    for (const { bytes: size } of this.#waiting) {
      if (count === share || (count > 0 && bytes + size > maxBytes)) break;
      bytes += size;
      count += 1;
    }
    return keyOf ? this.#takeKeyed(count) : this.#waiting.splice(0, count);
  }

  #takeKeyed(count: number): Waiting<Item, Result>[] {
    const batch: Waiting<Item, Result>[] = [];
    const passedOver: Waiting<Item, Result>[] = [];
    const heldKeys = new Set(this.#keysInFlight);
    let looked = 0;
    for (const each of this.#waiting) {
      if (batch.length === count) break;
      looked += 1;
      const { key = '' } = each;
      (heldKeys.has(key) ? passedOver : batch).push(each);
      heldKeys.add(key);
    }
    this.#waiting.splice(0, looked, ...passedOver);
    return batch;
  }

  async #flush(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    const startedAtMs = performance.now();
    this.#itemsInFlight += batch.length;
    for (const { key } of batch) if (key !== undefined) this.#keysInFlight.add(key);
    try {
      await this.#writeOrSplit(batch);
    } finally {
      this.#itemsInFlight -= batch.length;
      for (const { key } of batch) if (key !== undefined) this.#keysInFlight.delete(key);
      this.#count(batch, startedAtMs);
    }
  }

  // What the server refuses, it refuses as a whole: halves find the item that is to blame. A server that is away refuses all.
  async #writeOrSplit(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.write(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length === 1 || isAppError(error, 'STORE_UNAVAILABLE')) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const middle = Math.ceil(batch.length / 2);
      await this.#writeOrSplit(batch.slice(0, middle));
      await this.#writeOrSplit(batch.slice(middle));
    }
  }

  #count(batch: readonly Waiting<Item, Result>[], startedAtMs: number): void {
    this.#stats.flushes += 1;
    this.#stats.items += batch.length;
    this.#stats.largestFlush = Math.max(this.#stats.largestFlush, batch.length);
    this.#stats.flushMs += performance.now() - startedAtMs;
    for (const { addedAtMs } of batch) this.#stats.waitMs += startedAtMs - addedAtMs;
  }
}
