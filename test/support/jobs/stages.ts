import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineJob, definePipeline, z } from 'longshore';

const POLL_MS = 20;

/** The first time that anything comes to this place, its process is killed. A folder remembers that it was. */
function dieAt(place: string, deaths: string): void {
  if (mkdirSync(`${deaths}-${place}`, { recursive: true }) !== undefined) process.kill(process.pid, 'SIGKILL');
}

/** Adds up numbers. It waits until a file exists, and takes its worker down, where it is told to. */
export const stage = defineJob({
  type: 'stage:add',
  queue: 'stage',
  input: z.object({
    numbers: z.array(z.number()),
    path: z.string().optional(),
    note: z.string().optional(),
    dieAt: z.string().optional(),
    deaths: z.string().optional(),
  }),
  output: z.number(),
  timeoutMs: 120_000,
  run: async ({ numbers, path, note, dieAt: place, deaths }, ctx) => {
    if (note) appendFileSync(note, `${ctx.job.id} started\n`);
    if (place && deaths) dieAt(place, deaths);
    while (path && !existsSync(path)) await sleep(POLL_MS, undefined, { signal: ctx.signal });
    return numbers.reduce((sum, n) => sum + n, 0);
  },
});

const film = z.object({
  n: z.number(),
  /** For the second stage. */
  path: z.string().optional(),
  note: z.string().optional(),
  /** Places to die at, e.g. `before 2`, `during 2` and `after 2`. */
  dieAt: z.array(z.string()).default([]),
  deaths: z.string().default(''),
});

/** Four stages: one, three in parallel, three of which two run at once, and one again. Gives 9 × n + 20. */
export const four = definePipeline({
  type: 'stage:four',
  queue: 'stage',
  input: film,
  output: z.number(),
  run: async ({ n, path, note, dieAt: places, deaths }, { step }) => {
    const at = (place: string) => places.includes(place) && dieAt(place, deaths);
    const during = (place: number) => (places.includes(`during ${place}`) ? { dieAt: `during ${place}`, deaths } : {});
    at('before 1');
    const first = await step(stage, { numbers: [n, 0], note, ...during(1) });
    at('after 1');
    at('before 2');
    const items = [1, 2, 3];
    const second = await step.map(stage, items, (item) => ({ numbers: [first, item], note, path, ...during(2) }));
    at('after 2');
    at('before 3');
    const third = await step.all(
      stage,
      second.map((value, index) => ({ numbers: [value, value * (index + 1)], note, ...during(3) })),
      { concurrency: 2 },
    );
    at('after 3');
    at('before 4');
    const last = await step(stage, { numbers: third, note, ...during(4) });
    at('after 4');
    return last;
  },
});
