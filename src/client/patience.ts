import { pause } from '../shared/time.ts';
import type { Connection } from './connection.ts';
import { AnswerError } from './errors.ts';
import { isPassing } from './retries.ts';

const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;

/** Bridges a server that went away for a moment, e.g. to restart. */
export interface Patience {
  /** All is well: the next fault starts a new count. */
  recordAnswer(): void;
  /**
   * Waits before the next try.
   * @param minDelayMs what the server asked for
   * @throws `error` itself when it is not a passing fault, when the server never answered, or after `giveUpAfterMs`
   */
  endure(error: unknown, minDelayMs?: number): Promise<void>;
}

export function createPatience(
  connection: Pick<Connection, 'hasAnswered'>,
  options: { giveUpAfterMs: number; signal?: AbortSignal | undefined },
): Patience {
  let failingSinceMs: number | undefined;
  let delayMs = FIRST_DELAY_MS;

  return {
    recordAnswer() {
      failingSinceMs = undefined;
      delayMs = FIRST_DELAY_MS;
    },
    async endure(error, minDelayMs = 0) {
      const nowMs = Date.now();
      failingSinceMs ??= nowMs;
      const isHopeless =
        !connection.hasAnswered || !isPassing(error) || nowMs - failingSinceMs >= options.giveUpAfterMs;
      if (isHopeless) throw error;
      const askedMs = error instanceof AnswerError ? (error.retryAfterMs ?? 0) : 0;
      await pause(Math.max(delayMs, minDelayMs, askedMs), options.signal);
      delayMs = Math.min(delayMs * 2, MAX_DELAY_MS);
    },
  };
}
