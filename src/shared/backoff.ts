/** How long to wait between attempts. `delayMs` is the wait before the second attempt. */
export type Backoff = { type: 'exponential' | 'fixed'; delayMs: number; maxDelayMs?: number; jitter?: number };

/** Exponential 1 s → 2 s → 4 s, with up to 20 % taken off at random so that failures do not return in step. */
export const DEFAULT_BACKOFF: Backoff = { type: 'exponential', delayMs: 1000, maxDelayMs: 3_600_000, jitter: 0.2 };

/**
 * @param attempt the attempt that has just failed, from 1
 * @param random 0 ≤ random < 1
 * @returns milliseconds until the next attempt
 */
export function computeBackoffMs(backoff: Backoff, attempt: number, random: number): number {
  const factor = backoff.type === 'exponential' ? 2 ** Math.min(attempt - 1, 40) : 1;
  const ceiling = Math.min(backoff.delayMs * factor, backoff.maxDelayMs ?? DEFAULT_BACKOFF.maxDelayMs ?? Infinity);
  const jitter = backoff.jitter ?? (backoff.type === 'exponential' ? (DEFAULT_BACKOFF.jitter ?? 0) : 0);
  return Math.round(ceiling * (1 - jitter * random));
}
