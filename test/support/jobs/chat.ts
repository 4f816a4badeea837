import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineJob, z } from 'longshore';

const POLL_MS = 20;

/** Writes a line, waits until a file exists, and writes another. */
export const chat = defineJob({
  type: 'test:chat',
  input: z.object({ path: z.string() }),
  run: async ({ path }, ctx) => {
    ctx.log.info('before the gate');
    while (!existsSync(path)) await sleep(POLL_MS, undefined, { signal: ctx.signal });
    ctx.log.info('behind the gate');
  },
});
