import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineJob, NonRetryableError, z } from 'longshore';

const FOREVER_MS = 600_000;

/** A job of a storm: it notes each of its runs, and ends as it was told to. */
export const storm = defineJob({
  type: 'chaos:storm',
  concurrency: 10,
  input: z.object({ kind: z.enum(['complete', 'slow', 'retry', 'fail', 'cancel']), ms: z.int(), note: z.string() }),
  attempts: 3,
  backoff: { type: 'fixed', delayMs: 700 },
  timeoutMs: FOREVER_MS,
  run: async ({ kind, ms, note }, ctx) => {
    appendFileSync(note, `${ctx.job.id} started\n`);
    await sleep(kind === 'cancel' ? FOREVER_MS : ms, undefined, { signal: ctx.signal });
    if (kind === 'fail') throw new NonRetryableError('as designed');
    if (kind === 'retry' && ctx.attempt < ctx.job.maxAttempts) throw new Error('not yet');
    return { kind };
  },
});
