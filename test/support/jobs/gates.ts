import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineJob, z } from 'longshore';

const POLL_MS = 20;

/** Runs until a file exists, or its signal aborts. */
export const gate = defineJob({
  type: 'test:gate',
  input: z.object({ path: z.string(), note: z.string().optional() }),
  run: async ({ path, note }, ctx) => {
    if (note) appendFileSync(note, `${ctx.job.id} started\n`);
    ctx.progress(10, 'at the gate');
    while (!existsSync(path)) {
      await sleep(POLL_MS);
      if (ctx.signal.aborted && note) appendFileSync(note, `${ctx.job.id} aborted\n`);
      ctx.signal.throwIfAborted();
    }
    return 'passed';
  },
});

/** Works for a while, and notes each of its starts and ends. */
export const work = defineJob({
  type: 'test:work',
  concurrency: 20,
  queue: 'work',
  input: z.object({ ms: z.int(), note: z.string() }),
  timeoutMs: 120_000,
  run: async ({ ms, note }, ctx) => {
    appendFileSync(note, `${ctx.job.id} started\n`);
    await sleep(ms, undefined, { signal: ctx.signal });
    appendFileSync(note, `${ctx.job.id} ended\n`);
    return { attempt: ctx.attempt };
  },
});
