import { type Backoff, computeBackoffMs } from '../shared/backoff.ts';
import { pause } from '../shared/time.ts';
import { AnswerError, ServerUnreachableError } from './errors.ts';

/** Up to half is taken off at random, so that clients of one outage do not come back in step. */
const BACKOFF: Backoff = { type: 'exponential', delayMs: 200, maxDelayMs: 5_000, jitter: 0.5 };
/** A caller should hear of a longer wait rather than hang in it. */
const RETRY_AFTER_MAX_MS = 60_000;
const IN_FLIGHT_PAUSE_MS = 500;
/** Longer than the server keeps a key locked for a call of which it knows no end, beside the time it is held. */
const IN_FLIGHT_LIMIT_MS = 45_000;

export interface RetryOptions {
  /** How often to try again at most. */
  retries: number;
  /** How long the server was asked to hold each try. */
  heldMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Repeats `send` after faults that pass. Only for what may be done twice without harm.
 * @throws its last error, and the signal's reason
 */
export async function withRetries<T>(
  send: () => Promise<T>,
  { retries, heldMs = 0, signal }: RetryOptions,
): Promise<T> {
  let failures = 0;
  let inFlightSinceMs: number | undefined;
  for (;;) {
    try {
      return await send();
    } catch (error) {
      signal?.throwIfAborted();
      // An earlier try of ours is still under way there: what it comes to is ours too.
      const isOwnCall = failures > 0 && error instanceof AnswerError && error.code === 'IDEMPOTENCY_IN_FLIGHT';
      if (isOwnCall) {
        inFlightSinceMs ??= Date.now();
        if (Date.now() - inFlightSinceMs > IN_FLIGHT_LIMIT_MS + heldMs) throw error;
        await pause(IN_FLIGHT_PAUSE_MS, signal);
      } else {
        failures += 1;
        const askedMs = error instanceof AnswerError ? (error.retryAfterMs ?? 0) : 0;
        if (failures > retries || !isPassing(error) || askedMs > RETRY_AFTER_MAX_MS) throw error;
        await pause(Math.max(askedMs, computeBackoffMs(BACKOFF, failures, Math.random())), signal);
      }
      signal?.throwIfAborted();
    }
  }
}

/** Whether the same call may succeed in a moment. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ServerUnreachableError) return true;
  return error instanceof AnswerError && [429, 502, 503, 504].includes(error.status);
}
