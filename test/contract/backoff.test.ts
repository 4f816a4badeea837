import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, type JobOptions } from '../../src/index.ts';
import type { AttemptRow } from '../../src/store/journal.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';

type Options = Partial<Pick<JobOptions<z.ZodNull, z.ZodUnknown>, 'attempts' | 'backoff'>>;

function failing(options: Options) {
  return defineJob({
    type: 'failing:job',
    input: z.null(),
    ...options,
    run: (_input, ctx) => {
      throw new Error(`failure ${ctx.attempt}`);
    },
  });
}

/** Milliseconds between the end of each run and the begin of the next. */
function waitsOf(attempts: readonly AttemptRow[]): number[] {
  return attempts.slice(1).map((each, index) => Number(each.startedAt) - Number(attempts[index]?.finishedAt));
}

/** When the next attempt is due, counted from the end of the last one. */
async function dueInMs(harness: Harness, id: string): Promise<number> {
  const { runAt } = await harness.has(id, 'retrying');
  const [attempt] = await harness.attempts(id);
  return runAt.getTime() - Number(attempt?.finishedAt);
}

describe.each<TransportName>(['postgres', 'bullmq'])('waiting between attempts on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('takes about a second at first unless the job says otherwise', async () => {
    const job = failing({});
    const harness = await start([job]);
    await harness.startWorker();
    const { id, maxAttempts } = await harness.enqueue(job, null);
    expect(maxAttempts).toBe(3);
    const dueMs = await dueInMs(harness, id);
    expect(dueMs).toBeGreaterThanOrEqual(800); // up to 20 % are taken off
    expect(dueMs).toBeLessThanOrEqual(1001); // the record's own times, rounded to a millisecond
  });

  it('is as long as a fixed backoff says, each time', async () => {
    const job = failing({ attempts: 3, backoff: { type: 'fixed', delayMs: 150 } });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    await harness.ended(id);
    for (const waitMs of waitsOf(await harness.attempts(id))) expect(waitMs).toBeGreaterThanOrEqual(149);
  });

  it('is what the function of the job returns, which sees the attempt and what was thrown', async () => {
    const calls: [number, unknown][] = [];
    const job = failing({
      attempts: 3,
      backoff: (attempt, error) => {
        calls.push([attempt, (error as Error).message]);
        return attempt * 100;
      },
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    expect(await harness.ended(id)).toMatchObject({ reason: 'attempts_exhausted' });
    expect(calls).toEqual([
      [1, 'failure 1'],
      [2, 'failure 2'],
    ]);
    const [first = 0, second = 0] = waitsOf(await harness.attempts(id));
    expect(first).toBeGreaterThanOrEqual(99);
    expect(second).toBeGreaterThanOrEqual(199);
  });

  it('fails the job when that function throws or returns no number, keeping the error of the handler', async () => {
    const faults: [string, () => number, string][] = [
      [
        'throws:job',
        () => {
          throw new Error('broken backoff');
        },
        'broken backoff',
      ],
      ['nan:job', () => Number.NaN, 'a backoff must be a number of milliseconds, not NaN'],
      ['text:job', () => '5' as unknown as number, 'a backoff must be a number of milliseconds, not 5'],
    ];
    const jobs = faults.map(([type, backoff]) =>
      defineJob({
        type,
        input: z.null(),
        backoff,
        run: () => {
          throw new Error('of the handler');
        },
      }),
    );
    const harness = await start(jobs);
    await harness.startWorker();
    for (const [index, job] of jobs.entries()) {
      const { id } = await harness.enqueue(job, null);
      expect(await harness.ended(id)).toMatchObject({
        status: 'failed',
        reason: 'non_retryable',
        attempt: 1,
        error: {
          name: 'BackoffError',
          cause: { message: faults[index]?.[2], cause: { message: 'of the handler' } },
        },
      });
    }
  });

  it('never goes below zero, and at zero the next attempt starts at once', async () => {
    const job = failing({ attempts: 3, backoff: () => -500 });
    const harness = await start([job]);
    await harness.startWorker();
    const { id, createdAt } = await harness.enqueue(job, null);
    const { attempt, runAt } = await harness.ended(id);
    expect(attempt).toBe(3);
    expect(runAt.getTime()).toBeGreaterThanOrEqual(createdAt.getTime());
  });

  it('and the number of attempts are taken from the job before its definition', async () => {
    const job = failing({ attempts: 5, backoff: { type: 'fixed', delayMs: 600_000 } });
    const harness = await start([job]);
    await harness.startWorker();
    const fast = await harness.enqueue(job, null, { attempts: 2, backoff: { type: 'fixed', delayMs: 10 } });
    expect(await harness.ended(fast.id)).toMatchObject({ attempt: 2, maxAttempts: 2, reason: 'attempts_exhausted' });
    const slow = await harness.enqueue(job, null, {
      backoff: { type: 'exponential', delayMs: 5000, maxDelayMs: 2000, jitter: 0 },
    });
    const dueMs = await dueInMs(harness, slow.id);
    expect(Math.abs(dueMs - 2000)).toBeLessThanOrEqual(1);
  });
});
