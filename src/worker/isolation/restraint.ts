import type { GuestMessage } from './protocol.ts';

/*
 * A handler in a thread can say more than its worker can hear: a loop that reports each of its rounds would keep the
 * worker busy, which is what threads are against.
 */

const PROGRESS_MS = 100;
const LINES_AT_ONCE = 5000;
const LINES_PER_SECOND = 1000;

type Progress = Extract<GuestMessage, { kind: 'progress' }>;

/** Sends progress at most every 100 ms, and the last one always. */
export class ProgressReporter {
  readonly #send: (progress: Progress) => void;
  #sentAtMs = -Infinity;
  #held: Progress | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (progress: Progress) => void) {
    this.#send = send;
  }

  report(progress: Progress): void {
    this.#held = progress;
    const waitMs = this.#sentAtMs + PROGRESS_MS - performance.now();
    // The timer is for a handler that pauses; the clock is for one that does not let timers run.
    if (waitMs <= 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), waitMs);
  }

  /** Sends what is held back. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#held === undefined) return;
    this.#send(this.#held);
    this.#held = undefined;
    this.#sentAtMs = performance.now();
  }
}

/** Lets 5000 lines through at once, and 1000 a second in the long run. */
export class LineBudget {
  readonly #warn: (message: string) => void;
  #left = LINES_AT_ONCE;
  #countedAtMs = performance.now();
  #isSpent = false;

  /** @param warn called once each time when lines begin to be dropped */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** @returns whether there is room for another line */
  take(): boolean {
    const now = performance.now();
    this.#left = Math.min(LINES_AT_ONCE, this.#left + ((now - this.#countedAtMs) / 1000) * LINES_PER_SECOND);
    this.#countedAtMs = now;
    if (this.#left >= 1) {
      this.#left -= 1;
      this.#isSpent &&= this.#left < LINES_AT_ONCE / 2;
      return true;
    }
    if (!this.#isSpent) this.#warn('the handler logs faster than the worker can take it; lines are dropped');
    this.#isSpent = true;
    return false;
  }
}
