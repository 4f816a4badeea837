import { defineJob, z } from 'longshore';

/** Runs beside the others; a handler in a thread enqueues it. */
export const childJob = defineJob({
  type: 'apart:child',
  queue: 'children',
  attempts: 1,
  input: z.object({ n: z.int() }),
  output: z.int(),
  run: ({ n }) => {
    if (n < 0) throw new Error('below zero');
    return n * 2;
  },
});
