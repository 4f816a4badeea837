import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { enqueueJob } from '../../src/engine/enqueue.ts';
import { defineJob } from '../../src/index.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const WINDOW = 20;
const settings = { DISPATCH_WINDOW: String(WINDOW), DISPATCH_BATCH_SIZE: '50', DISPATCH_INTERVAL_MS: '50' };

describe('the backlog of BullMQ', () => {
  const start = useHarnesses('bullmq');
  const started: string[] = [];
  const job = defineJob({
    type: 'some:job',
    input: z.string(),
    concurrency: 5,
    run: (name) => void started.push(name),
  });

  const countInRedis = async (harness: Harness) => {
    const counts = await harness.queue('some').getJobCounts('wait', 'prioritized', 'delayed', 'active');
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  };
  const countBacklog = async (harness: Harness) => {
    const [row] = await harness.sql<{ n: number }>(
      `select count(*)::integer as n from longshore.jobs where status = 'queued' and dispatched_at is null`,
    );
    return row?.n;
  };
  const fill = (harness: Harness, count: number, name: string, options = {}) =>
    Promise.all(Array.from({ length: count }, () => harness.enqueue(job, name, options)));

  it('holds what exceeds the window, hands it over as room appears, and loses nothing', async () => {
    started.length = 0;
    const harness = await start([job], { settings });
    const jobs = await fill(harness, 10 * WINDOW, 'one');
    await harness.engine.dispatcher.settled();
    await waitFor(async () => (await countInRedis(harness)) === WINDOW, { describe: 'the window is full' });
    await waitFor(async () => (await countBacklog(harness)) === 9 * WINDOW, { describe: 'the rest waits' });
    expect(await countInRedis(harness)).toBe(WINDOW);
    await harness.startWorker();
    await harness.allEnded(jobs);
    expect(started).toHaveLength(10 * WINDOW);
    expect(await harness.sql(`select distinct attempt, status from longshore.jobs`)).toEqual([
      { attempt: 1, status: 'completed' },
    ]);
  });

  it('hands a job over without waiting in it while there is room', async () => {
    const harness = await start([job], { settings });
    const { dispatchedAt } = await harness.enqueue(job, 'at once');
    expect(dispatchedAt).toBeInstanceOf(Date);
  });

  it('serves tenants in turn: the single job of one does not wait for the backlog of another', async () => {
    started.length = 0;
    const harness = await start([job], { settings });
    await fill(harness, 15 * WINDOW, 'many', { tenant: 'a' });
    const single = await harness.enqueue(job, 'single', { tenant: 'b' });
    await harness.startWorker();
    await harness.ended(single.id);
    // One window is in BullMQ already; the next batch has it near its front.
    expect(started.indexOf('single')).toBeLessThan(3 * WINDOW);
    await waitFor(() => started.length === 15 * WINDOW + 1, { describe: 'all have run', timeoutMs: 40_000 });
  });

  it.each([1, 3])('serves tenants in turn when they are more than a window of %i has room for', async (windowSize) => {
    started.length = 0;
    const slow = { ...settings, DISPATCH_WINDOW: String(windowSize) };
    const harness = await start([job], { settings: slow });
    const tenants = ['a', 'b', 'd', 'e', 'f'];
    for (const tenant of tenants) await fill(harness, 20, 'many', { tenant });
    const single = await harness.enqueue(job, 'single', { tenant: 'c' });
    await harness.startWorker();
    await harness.ended(single.id);
    expect(started.indexOf('single')).toBeLessThan(2 * tenants.length + windowSize);
    await waitFor(() => started.length === 20 * tenants.length + 1, { describe: 'all have run', timeoutMs: 40_000 });
  });

  it('hands over higher priorities of a tenant first, and none before the turn of its tenant', async () => {
    started.length = 0;
    const harness = await start([{ ...job, queue: { ...job.queue, concurrency: 1 } }], { settings }); // one after the other
    await fill(harness, 3 * WINDOW, 'plain', { tenant: 'a' });
    await harness.enqueue(job, 'low', { tenant: 'a', priority: -5 });
    await fill(harness, 2 * WINDOW, 'urgent', { tenant: 'a', priority: 7 });
    await harness.enqueue(job, 'other', { tenant: 'b', priority: 0 });
    await harness.startWorker();
    await waitFor(() => started.length === 5 * WINDOW + 2, { describe: 'all have run', timeoutMs: 40_000 });
    expect(started.lastIndexOf('urgent')).toBeLessThan(3 * WINDOW + 2); // one window of others was in BullMQ already
    expect(started.filter((name) => name !== 'other').at(-1)).toBe('low');
    expect(started.indexOf('other')).toBeLessThan(3 * WINDOW);
  });

  it('costs Redis nothing for jobs that are due later', async () => {
    const harness = await start([job], { settings });
    await fill(harness, 50, 'later', { delayMs: 30 * 24 * 3_600_000 });
    await harness.engine.dispatcher.settled();
    expect(await countInRedis(harness)).toBe(0);
  });

  it('keeps retries that exceed the window in the record, and runs each in its time', async () => {
    const failing = defineJob({
      type: 'some:failing',
      input: z.null(),
      concurrency: 10,
      backoff: { type: 'fixed', delayMs: 1500, jitter: 0 },
      run: (_input, ctx) => {
        if (ctx.attempt === 1) throw new Error('not yet');
        return ctx.attempt;
      },
    });
    const harness = await start([failing], { settings: { ...settings, DISPATCH_WINDOW: '5' } });
    const request = { type: failing.type, input: null, options: {} };
    const jobs = await Promise.all(Array.from({ length: 40 }, () => enqueueJob(harness.engine, everyone, request)));
    await harness.startWorker();
    let mostDelayed = 0;
    const haveFailed = async () => {
      const { delayed = 0 } = await harness.queue('some').getJobCounts('delayed');
      mostDelayed = Math.max(mostDelayed, delayed);
      return (await harness.sql('select distinct job_id from longshore.job_attempts')).length === 40;
    };
    await waitFor(haveFailed, { describe: 'all have failed once' });
    expect(mostDelayed).toBeLessThanOrEqual(2 * 5);
    const ended = await harness.allEnded(jobs.map(({ job }) => job));
    expect(ended.every((each) => each.status === 'completed' && each.output === 2)).toBe(true);
    expect(await harness.engine.store.drift.totals()).toEqual({});
  });

  it('keeps an order of priorities for retries too', async () => {
    const order: string[] = [];
    const flaky = defineJob({
      type: 'some:flaky',
      input: z.string(),
      concurrency: 1,
      backoff: { type: 'fixed', delayMs: 600_000 },
      run: async (name, ctx) => {
        if (name === 'urgent' && ctx.attempt === 1) throw new Error('not yet');
        order.push(name);
        await waitFor(() => order.length > 1 || name !== 'first' || isRetryWaiting(), { describe: 'the retry waits' });
      },
    });
    let isRetryWaiting: () => Promise<boolean> = async () => false;
    const harness = await start([flaky], { settings: { ...settings, DISPATCH_WINDOW: '1000' } });
    await harness.startWorker();
    const urgent = await harness.enqueue(flaky, 'urgent', { priority: 5 });
    isRetryWaiting = async () => (await harness.redis.lindex(`${harness.prefix}:some:wait`, -1)) === `${urgent.id}.2`;
    await harness.has(urgent.id, 'retrying');
    const plain = [await harness.enqueue(flaky, 'first'), await harness.enqueue(flaky, 'second')];
    await waitFor(() => order.length === 1, { describe: 'the first runs' });
    await harness.sql('update longshore.jobs set run_at = now() where id = $1', [urgent.id]); // its time has come
    await Promise.all([urgent, ...plain].map(({ id }) => harness.ended(id)));
    expect(order).toEqual(['first', 'urgent', 'second']);
  });
});
