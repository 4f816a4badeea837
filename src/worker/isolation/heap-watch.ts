import type { Worker } from 'node:worker_threads';

const CHECK_MS = 100;
const MIB = 2 ** 20;

/** A thread that is watched: which one it is becomes known when its handler begins. */
export interface WatchedThread {
  find(): Worker | undefined;
  /** Called once, when its heap is too large. */
  end(): void;
}

/**
 * Ends threads whose heap outgrows their memory. V8 does so too, but only by its own limit and in small steps: where a
 * single allocation (a large array, a map that grows) exceeds that by more than 16 MiB, it ends the whole program.
 */
export class HeapWatch {
  /** For `resourceLimits`: far enough away that the watch comes first. */
  readonly hardLimitMb: number;
  readonly #limitBytes: number;
  readonly #threads = new Set<WatchedThread>();
  readonly #asked = new Set<WatchedThread>();
  #timer: NodeJS.Timeout | undefined;

  constructor(memoryMb: number) {
    this.hardLimitMb = 2 * memoryMb + 256;
    // V8 collects from halfway between what is in use and its limit, and goes on meanwhile: garbage alone ends nobody.
    this.#limitBytes = (memoryMb + 0.7 * (this.hardLimitMb - memoryMb)) * MIB;
  }

  /** @returns ends the watching */
  watch(thread: WatchedThread): () => void {
    this.#threads.add(thread);
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS).unref();
    return () => {
      this.#threads.delete(thread);
      if (this.#threads.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #check(): void {
    for (const thread of this.#threads) {
      if (this.#asked.has(thread)) continue; // native code answers when it returns
      this.#asked.add(thread);
      void this.#measure(thread).finally(() => this.#asked.delete(thread));
    }
  }

  async #measure(thread: WatchedThread): Promise<void> {
    const asked = thread.find()?.getHeapStatistics();
    const heap = await asked?.catch(() => undefined); // a thread that has just ended has no heap
    if (heap && heap.used_heap_size > this.#limitBytes && this.#threads.delete(thread)) thread.end();
  }
}
