import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { NonRetryableError, RetryLaterError, SnoozeSignal, snooze } from './errors.ts';
import { defineJob, isJobDefinition, type JobOptions } from './job.ts';
import { defineQueue } from './queue.ts';

type Options = JobOptions<z.ZodType, z.ZodType>;

const options: Options = { type: 'email:send', input: z.null(), run: () => null };
const define = (changes: Record<string, unknown>) => defineJob({ ...options, ...changes } as Options);

describe('defineJob', () => {
  it('fills in what is left out', () => {
    expect(defineJob(options)).toMatchObject({
      type: 'email:send',
      description: '',
      queue: { name: 'email' },
      attempts: 3,
      timeoutMs: 60_000,
      backoff: { type: 'exponential', delayMs: 1000 },
      outputSchema: undefined,
    });
    expect(isJobDefinition(defineJob(options))).toBe(true);
    for (const other of [null, undefined, 'x', {}, options]) expect(isJobDefinition(other)).toBe(false);
  });

  it('takes the queue from its type, a name, or a definition, and settings of the job before those of the queue', () => {
    expect(define({ type: 'plain' }).queue).toEqual({ name: 'plain' });
    expect(define({ queue: 'bulk' }).queue).toEqual({ name: 'bulk' });
    const rateLimit = { max: 5, durationMs: 1000 };
    const queue = defineQueue({ name: 'bulk', concurrency: 2, rateLimit, transport: 'postgres' });
    expect(define({ queue }).queue).toEqual({ name: 'bulk', concurrency: 2, rateLimit, transport: 'postgres' });
    expect(define({ queue, concurrency: 9 }).queue).toMatchObject({ concurrency: 9, rateLimit });
  });

  it.each([
    [{ type: '' }, /^job "": type/],
    [{ type: 'has space' }, /type must be words of letters/],
    [{ type: 'a::b' }, /type must be words/],
    [{ input: undefined }, /input must be a zod schema/],
    [{ input: { parse: () => 1 } }, /input must be a zod schema/],
    [{ checkInput: [] }, /checkInput must be a function/],
    [{ output: 'text' }, /output must be a zod schema/],
    [{ run: undefined }, /run must be a function/],
    [{ attempts: 0 }, /attempts is 0; a whole number from 1 to 100 is allowed/],
    [{ attempts: 1.5 }, /attempts is 1.5/],
    [{ timeoutMs: 0 }, /timeoutMs is 0/],
    [{ timeoutMs: 604_800_001 }, /7 days/],
    [{ queue: 'a b' }, /name must be letters/],
    [{ concurrency: 0 }, /concurrency is 0; a whole number from 1 to 1000 is allowed/],
    [{ rateLimit: { max: 0, durationMs: 1 } }, /rateLimit.max is 0/],
    [{ rateLimit: { max: 1, durationMs: 0.5 } }, /rateLimit.durationMs is 0.5/],
  ])('refuses %o', (changes, message) => {
    expect(() => define(changes)).toThrow(expect.objectContaining({ code: 'INVALID_DEFINITION' }));
    expect(() => define(changes)).toThrow(message);
  });
});

describe('defineQueue', () => {
  it('refuses a name or number that is not allowed', () => {
    expect(defineQueue({ name: 'mail' })).toEqual({ name: 'mail', kind: 'longshore.queue' });
    expect(() => defineQueue({ name: 'a:b' })).toThrow('queue "a:b": name must be letters');
    expect(() => defineQueue({ name: 'mail', concurrency: 1001 })).toThrow('concurrency is 1001');
  });
});

describe('the signals of a handler', () => {
  it('are errors with names of their own', () => {
    const cause = new Error('below');
    expect(new NonRetryableError('no', { cause })).toMatchObject({ name: 'NonRetryableError', message: 'no', cause });
    expect(new RetryLaterError('busy', 5, { cause })).toMatchObject({ name: 'RetryLaterError', delayMs: 5, cause });
    expect(() => snooze(7)).toThrow(expect.objectContaining({ name: 'SnoozeSignal', delayMs: 7 }));
    expect(() => snooze(7)).toThrow(SnoozeSignal);
  });

  it.each([-1, 1.5, Number.NaN, 2_147_483_648])('do not snooze for %d ms', (delayMs) => {
    expect(() => snooze(delayMs)).toThrow(RangeError);
  });
});
