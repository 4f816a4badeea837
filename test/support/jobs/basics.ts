import { defineJob, NonRetryableError, z } from 'longshore';

/** Returns its input. */
export const echo = defineJob({
  type: 'test:echo',
  description: 'Returns its input',
  input: z.unknown(),
  run: (input) => input,
});

/** Has fields of several kinds, for schema faults. */
export const typed = defineJob({
  type: 'test:typed',
  input: z.strictObject({
    name: z.string().min(1),
    count: z.int().min(1).max(10),
    items: z.array(z.strictObject({ price: z.number() })).default([]),
  }),
  output: z.object({ total: z.number() }),
  run: ({ count, items }) => ({ total: items.reduce((sum, item) => sum + item.price, 0) * count }),
});

/** Fails the first `times` attempts. */
export const flaky = defineJob({
  type: 'test:flaky',
  input: z.object({ times: z.int(), isFinal: z.boolean().default(false) }),
  backoff: { type: 'fixed', delayMs: 20 },
  run: ({ times, isFinal }, ctx) => {
    if (ctx.attempt > times) return `worked at attempt ${ctx.attempt}`;
    const message = `no luck at attempt ${ctx.attempt}`;
    throw isFinal ? new NonRetryableError(message) : new TypeError(message, { cause: new Error('the moon') });
  },
});

/** Writes lines and reports progress. */
export const talk = defineJob({
  type: 'test:talk',
  input: z.object({ lines: z.int() }),
  run: ({ lines }, ctx) => {
    for (let line = 1; line <= lines; line += 1) ctx.log.info(`line ${line}`, { line });
    ctx.log.warn('that was all');
    ctx.progress(50, 'half way');
    return null;
  },
});
