import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineJob, z } from 'longshore';

const POLL_MS = 20;
const FOREVER_MS = 120_000;

/** Its first run blocks the event loop of its worker until a file exists; later runs return at once. */
export const block = defineJob({
  type: 'test:block',
  input: z.object({ path: z.string(), note: z.string() }),
  timeoutMs: FOREVER_MS,
  run: ({ path, note }, ctx) => {
    appendFileSync(note, `${ctx.job.id} started\n`);
    if (!isFirst(`${path}-blocks`)) return 'prompt';
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const deadline = performance.now() + FOREVER_MS;
    while (!existsSync(path) && performance.now() < deadline) Atomics.wait(cell, 0, 0, POLL_MS);
    return 'late';
  },
});

/** Takes its worker down. */
export const kill = defineJob({
  type: 'test:kill',
  input: z.object({ note: z.string() }),
  run: ({ note }, ctx) => {
    appendFileSync(note, `${ctx.job.id} started\n`);
    process.kill(process.pid, 'SIGKILL');
  },
});

/** Fails until its last attempt, and notes when each one began by a clock that nobody shifts. */
export const stubborn = defineJob({
  type: 'test:stubborn',
  input: z.object({ note: z.string() }),
  run: ({ note }, ctx) => {
    appendFileSync(note, `${ctx.job.id} ${Math.round(performance.timeOrigin + performance.now())}\n`);
    if (ctx.attempt < ctx.job.maxAttempts) throw new Error('not yet');
    return ctx.attempt;
  },
});

/** Waits until a file exists; then its first attempt fails. */
export const failLate = defineJob({
  type: 'test:fail-late',
  input: z.object({ path: z.string(), note: z.string() }),
  run: async ({ path, note }, ctx) => {
    appendFileSync(note, `${ctx.job.id} started\n`);
    while (!existsSync(path)) await sleep(POLL_MS, undefined, { signal: ctx.signal });
    if (ctx.attempt === 1) throw new Error('not yet');
    return 'at last';
  },
});

function isFirst(path: string): boolean {
  return mkdirSync(path, { recursive: true }) !== undefined; // undefined: somebody made it before
}
