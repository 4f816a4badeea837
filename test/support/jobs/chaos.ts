import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineJob, NonRetryableError, z } from 'longshore';

/** Long enough to be cancelled in a storm; where nobody knows of the job, it ends by itself. */
const CANCELLED_WITHIN_MS = 20_000;

/** A job of a storm: it notes each of its runs, and ends as it was told to. */
export const storm = defineJob({
  type: 'chaos:storm',
  concurrency: 10,
  input: z.object({ kind: z.enum(['complete', 'slow', 'retry', 'fail', 'cancel']), ms: z.int(), note: z.string() }),
  attempts: 3,
  backoff: { type: 'fixed', delayMs: 700 },
  timeoutMs: 10 * CANCELLED_WITHIN_MS,
  run: async ({ kind, ms, note }, ctx) => {
    appendFileSync(note, `${ctx.job.id} started\n`);
    await sleep(kind === 'cancel' ? CANCELLED_WITHIN_MS : ms, undefined, { signal: ctx.signal });
    if (kind === 'fail') throw new NonRetryableError('as designed');
    if (kind === 'retry' && ctx.attempt < ctx.job.maxAttempts) throw new Error('not yet');
    return { kind };
  },
});
