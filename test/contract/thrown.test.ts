import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, NonRetryableError, RetryLaterError, snooze } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';

class OddError extends Error {
  readonly code = 4711;
  constructor() {
    super('odd', { cause: new TypeError('under it', { cause: 'the root' }) });
    this.name = 'OddError';
  }
}

const circular: Record<string, unknown> = { a: 1 };
circular.self = circular;

/** What a handler throws, and the failure that the record keeps. */
const thrown: Record<string, [value: unknown, failure: object]> = {
  string: ['just text', { name: 'NonError', message: 'just text' }],
  'empty string': ['', { name: 'NonError', message: '' }],
  undefined: [undefined, { name: 'NonError', message: 'threw undefined' }],
  null: [null, { name: 'NonError', message: 'threw null' }],
  number: [42, { name: 'NonError', message: 'threw 42' }],
  bigint: [42n, { name: 'NonError', message: 'threw a value of type bigint' }],
  symbol: [Symbol('s'), { name: 'NonError', message: 'threw Symbol(s)' }],
  object: [
    { code: 'E', why: 'x' },
    { name: 'NonError', message: 'threw {"code":"E","why":"x"}' },
  ],
  'circular object': [circular, { name: 'NonError', message: 'threw a value of type object' }],
  'text with NUL': ['a\0b', { name: 'NonError', message: 'a\uFFFDb' }],
  'error without a message': [new Error(), { name: 'Error', message: '' }],
  'error with causes': [
    new OddError(),
    {
      name: 'OddError',
      message: 'odd',
      code: '4711',
      stack: expect.stringContaining('thrown.test.ts'),
      cause: { name: 'TypeError', message: 'under it', cause: { name: 'NonError', message: 'the root' } },
    },
  ],
  'long message': [
    new Error('x'.repeat(20_000)),
    { message: expect.stringMatching(/^x{8000}… \(20000 characters\)$/) },
  ],
};

describe.each<TransportName>(['postgres', 'bullmq'])('what a handler throws on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('is recorded whatever it is, and the job is tried again', async () => {
    const thrower = defineJob({
      type: 'throws:it',
      input: z.string(),
      attempts: 2,
      backoff: { type: 'fixed', delayMs: 0 },
      run: (name) => {
        throw thrown[name]?.[0];
      },
    });
    const harness = await start([thrower]);
    const worker = await harness.startWorker();
    const jobs = await Promise.all(
      Object.entries(thrown).map(async ([name, [, failure]]) => ({
        ...(await harness.enqueue(thrower, name)),
        failure,
      })),
    );
    for (const { id, failure } of jobs) {
      const job = await harness.ended(id);
      expect(job).toMatchObject({ status: 'failed', reason: 'attempts_exhausted', attempt: 2, output: null });
      expect(job.error).toMatchObject({ ...failure, attempt: 2 });
      const attempts = await harness.attempts(id);
      expect(attempts).toMatchObject([
        { outcome: 'retrying', error: { ...failure, attempt: 1 } },
        { outcome: 'failed', error: { ...failure, attempt: 2 } },
      ]);
    }
    expect(worker.getHealth().status).toBe('ok');
  });

  it('ends the job at once when it is a NonRetryableError, also with a cause', async () => {
    const final = defineJob({
      type: 'final:job',
      input: z.null(),
      attempts: 5,
      run: () => {
        throw new NonRetryableError('no use', { cause: new Error('because') });
      },
    });
    const harness = await start([final]);
    await harness.startWorker();
    const { id } = await harness.enqueue(final, null);
    expect(await harness.ended(id)).toMatchObject({
      reason: 'non_retryable',
      attempt: 1,
      error: { name: 'NonRetryableError', cause: { message: 'because' } },
    });
  });

  it('chooses the time of the next attempt when it is a RetryLaterError, and the last attempt still fails', async () => {
    const later = defineJob({
      type: 'later:job',
      input: z.null(),
      attempts: 2,
      backoff: { type: 'fixed', delayMs: 600_000 },
      run: (_input, ctx) => {
        throw new RetryLaterError(`busy ${ctx.attempt}`, 300);
      },
    });
    const harness = await start([later]);
    await harness.startWorker();
    const { id } = await harness.enqueue(later, null);
    const job = await harness.ended(id);
    expect(job).toMatchObject({ reason: 'attempts_exhausted', attempt: 2, error: { message: 'busy 2' } });
    const [first, second] = await harness.attempts(id);
    const waitedMs = Number(second?.startedAt) - Number(first?.finishedAt);
    expect(waitedMs).toBeGreaterThanOrEqual(299); // both times are rounded to a millisecond
  });

  it('falls back to the backoff of the job when a RetryLaterError names no usable time', async () => {
    const later = defineJob({
      type: 'later:job',
      input: z.number(),
      attempts: 2,
      backoff: { type: 'fixed', delayMs: 10 },
      run: (delayMs) => {
        throw new RetryLaterError('busy', delayMs === 0 ? Number.NaN : Number.POSITIVE_INFINITY);
      },
    });
    const harness = await start([later]);
    await harness.startWorker();
    for (const which of [0, 1]) {
      const { id } = await harness.enqueue(later, which);
      expect(await harness.ended(id)).toMatchObject({ reason: 'attempts_exhausted', attempt: 2 });
    }
  });

  it('is no failure when it is a snooze, however often', async () => {
    let runs = 0;
    const sleepy = defineJob({
      type: 'sleepy:job',
      input: z.null(),
      attempts: 1,
      run: () => {
        runs += 1;
        return runs > 4 ? runs : snooze(0);
      },
    });
    const harness = await start([sleepy]);
    await harness.startWorker();
    const { id } = await harness.enqueue(sleepy, null);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 5, attempt: 1, error: null });
    expect((await harness.attempts(id)).map((each) => each.outcome)).toEqual(Array(4).fill('put_back'));
  });
});
