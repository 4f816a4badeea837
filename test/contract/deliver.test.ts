import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, NonRetryableError, snooze } from '../../src/index.ts';
import { Harness, type HarnessOptions } from '../support/harness.ts';

const fast = { type: 'fixed', delayMs: 20 } as const;

describe.each<TransportName>(['postgres', 'bullmq'])('on the %s transport', (transport) => {
  let harness: Harness;

  async function start(jobs: HarnessOptions['jobs'], more: Partial<HarnessOptions> = {}): Promise<Harness> {
    harness = await Harness.start({ transport, jobs, ...more });
    return harness;
  }

  afterEach(() => harness?.stop());

  it('runs a job to its end and records what it returned', async () => {
    const add = defineJob({
      type: 'math:add',
      input: z.object({ a: z.number(), b: z.number() }),
      output: z.object({ sum: z.number() }),
      run: ({ a, b }) => ({ sum: a + b }),
    });
    await start([add]);
    await harness.startWorker();
    const { id, status } = await harness.enqueue(add, { a: 1, b: 2 });
    expect(status).toBe('queued');
    expect(await harness.ended(id)).toMatchObject({
      status: 'completed',
      output: { sum: 3 },
      attempt: 1,
      progressPercent: 100,
      reason: null,
    });
  });

  it('runs higher priorities first, and equal ones in the order of their arrival', async () => {
    const order: number[] = [];
    const note = defineJob({ type: 'note:down', input: z.int(), concurrency: 1, run: (n) => void order.push(n) });
    await start([note]);
    const priorities = [0, -5, 10, 50, 0, 10, -100, 100];
    const jobs = [];
    for (const [index, priority] of priorities.entries()) {
      jobs.push(await harness.enqueue(note, index, { priority }));
      await harness.program.engine.dispatcher.settled();
    }
    await harness.startWorker();
    await Promise.all(jobs.map((job) => harness.ended(job.id)));
    expect(order.map((index) => priorities[index])).toEqual([100, 50, 10, 10, 0, 0, -5, -100]);
    expect(order).toEqual([7, 3, 2, 5, 0, 4, 1, 6]);
  });

  it('starts a delayed job when its time has come and not before', async () => {
    const noop = defineJob({ type: 'time:noop', input: z.unknown(), run: () => null });
    await start([noop]);
    await harness.startWorker();
    const { id, status } = await harness.enqueue(noop, null, { delayMs: 700 });
    expect(status).toBe('scheduled');
    const job = await harness.ended(id);
    expect(job.startedAt?.getTime()).toBeGreaterThanOrEqual(job.runAt.getTime());
    expect(job.runAt.getTime() - job.createdAt.getTime()).toBe(700);
  });

  it('tries again after a failure and keeps every attempt', async () => {
    const flaky = defineJob({
      type: 'flaky:job',
      input: z.unknown(),
      backoff: fast,
      run: (_input, ctx) => {
        if (ctx.attempt < 3) throw new TypeError(`no luck ${ctx.attempt}`);
        return 'luck';
      },
    });
    await start([flaky]);
    await harness.startWorker();
    const { id } = await harness.enqueue(flaky, null);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'luck', attempt: 3 });
    const attempts = await harness.engine.store.journal.attempts(id, 0, 10);
    expect(attempts.map(({ attempt, outcome, error }) => [attempt, outcome, error?.message])).toEqual([
      [1, 'retrying', 'no luck 1'],
      [2, 'retrying', 'no luck 2'],
    ]);
  });

  it('fails a job that is out of attempts, and at once one that says so', async () => {
    const bad = defineJob({
      type: 'bad:job',
      input: z.string(),
      attempts: 2,
      backoff: fast,
      run: (kind) => {
        if (kind === 'final') throw new NonRetryableError('never');
        throw new Error('again');
      },
    });
    await start([bad]);
    await harness.startWorker();
    const [exhausted, final] = await Promise.all([harness.enqueue(bad, 'x'), harness.enqueue(bad, 'final')]);
    expect(await harness.ended(exhausted.id)).toMatchObject({
      status: 'failed',
      reason: 'attempts_exhausted',
      attempt: 2,
      error: { message: 'again', attempt: 2 },
    });
    expect(await harness.ended(final.id)).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
  });

  it('runs a snoozed job again without counting an attempt', async () => {
    let runs = 0;
    const sleepy = defineJob({
      type: 'sleepy:job',
      input: z.unknown(),
      attempts: 1,
      run: () => {
        runs += 1;
        if (runs < 3) snooze(30);
        return runs;
      },
    });
    await start([sleepy]);
    await harness.startWorker();
    const { id } = await harness.enqueue(sleepy, null);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 3, attempt: 1 });
  });
});
