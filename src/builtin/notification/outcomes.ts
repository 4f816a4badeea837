import type { JobContext } from '../../define/context.ts';
import { isSignal, NonRetryableError, RetryLaterError } from '../../define/errors.ts';
import { keepCheckpoint } from '../keep-checkpoint.ts';

/** What has become of one channel. */
export type Outcome =
  | { status: 'sent'; detail: string }
  /** Another attempt cannot help. */
  | { status: 'failed'; detail: string }
  | { status: 'deferred'; detail: string; delayMs?: number };

/** The outcome of each channel by its place in the input; what is settled is kept across attempts. */
export interface Outcomes {
  get(index: number): Outcome | undefined;
  /** Resolves when it is committed. */
  settle(index: number, outcome: Outcome): Promise<void>;
}

/**
 * Reads what earlier attempts have settled. In a retry by hand, whose first attempt is 1 again, what failed gets another
 * chance.
 */
export function readOutcomes(ctx: JobContext): Outcomes {
  const { outcomes: kept = {} } = (ctx.lastCheckpoint ?? {}) as { outcomes?: Record<string, Outcome> };
  const outcomes = new Map<number, Outcome>();
  for (const [index, outcome] of Object.entries(kept)) {
    const isSettled = outcome.status === 'sent' || (outcome.status === 'failed' && ctx.attempt > 1);
    if (isSettled) outcomes.set(Number(index), outcome);
  }
  let saving = Promise.resolve();
  return {
    get: (index) => outcomes.get(index),
    settle(index, outcome) {
      outcomes.set(index, outcome);
      // One after another: an older state must not be written over a newer one.
      saving = saving.then(() => keepCheckpoint(ctx, { outcomes: Object.fromEntries(outcomes) }));
      return saving;
    },
  };
}

/** What a channel that threw has come to. */
export function toOutcome(error: unknown): Outcome {
  const detail = error instanceof Error ? error.message : String(error);
  if (isSignal(error, NonRetryableError)) return { status: 'failed', detail };
  if (isSignal(error, RetryLaterError)) return { status: 'deferred', detail, delayMs: error.delayMs };
  return { status: 'deferred', detail };
}
