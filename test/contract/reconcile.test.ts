import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { noDrift } from '../../src/engine/upkeep/drift.ts';
import { reconcile } from '../../src/engine/upkeep/reconcile.ts';
import { defineJob } from '../../src/index.ts';
import type { Store } from '../../src/store/store.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const settings = { LEADER_LEASE_MS: '1000', DISPATCH_INTERVAL_MS: '50' };

describe('the reconciler', () => {
  const start = useHarnesses('bullmq');
  const job = defineJob({ type: 'some:job', input: z.string(), run: (name) => name });

  /** Only the test compares. */
  const startFollower: typeof start = (jobs) => start(jobs, { settings, isFollower: true });
  const compare = (harness: Harness, isDryRun = false) =>
    reconcile(harness.engine, [...harness.engine.registry.queues.keys()], { isDryRun });
  /** As if everything had been handed over a while ago. */
  const age = (harness: Harness) =>
    harness.sql(
      `update longshore.jobs set dispatched_at = dispatched_at - interval '1 minute' where dispatched_at is not null`,
    );
  const handOver = async (harness: Harness, count: number) => {
    const jobs = await Promise.all(Array.from({ length: count }, (_, n) => harness.enqueue(job, `job ${n}`)));
    await harness.engine.dispatcher.settled();
    await age(harness);
    return jobs;
  };
  const totals = (store: Store) => store.drift.totals();

  it('finds nothing where nothing is wrong', async () => {
    const harness = await startFollower([job]);
    await handOver(harness, 3);
    expect(await compare(harness)).toEqual(noDrift());
    expect(await totals(harness.engine.store)).toEqual({});
  });

  it('hands jobs over anew that Redis does not hold, and only tells of them in a dry run', async () => {
    const harness = await startFollower([job]);
    const jobs = await handOver(harness, 3);
    const [lost] = jobs;
    await harness.queue('some').remove(lost?.id ?? '');
    expect(await compare(harness, true)).toEqual({ ...noDrift(), missing: 1 });
    expect(await compare(harness, true)).toEqual({ ...noDrift(), missing: 1 });
    expect(await compare(harness)).toEqual({ ...noDrift(), missing: 1 });
    expect(await totals(harness.engine.store)).toEqual({ missing: 1 });
    harness.engine.dispatcher.wake();
    await waitFor(() => harness.queue('some').getJob(`${lost?.id}.2`), { describe: 'the second delivery' });
    await harness.startWorker();
    for (const { id } of jobs) expect(await harness.ended(id)).toMatchObject({ status: 'completed', attempt: 1 });
  });

  it('refuses a delivery that turns up after it was replaced', async () => {
    const runs: string[] = [];
    const counted = defineJob({
      type: 'some:counted',
      input: z.null(),
      run: (_input, ctx) => void runs.push(ctx.job.id),
    });
    const harness = await startFollower([counted]);
    const { id, delivery } = await harness.enqueue(counted, null);
    await harness.engine.dispatcher.settled();
    await harness.engine.store.drift.redeliver([{ id, delivery }]); // both are in BullMQ now
    harness.engine.dispatcher.wake();
    await waitFor(() => harness.queue('some').getJob(`${id}.2`), { describe: 'the second delivery' });
    await harness.startWorker();
    await harness.ended(id);
    await waitFor(async () => (await harness.queue('some').getJob(id)) === undefined, {
      describe: 'the first is gone',
    });
    expect(runs).toEqual([id]);
    expect(await harness.job(id)).toMatchObject({ status: 'completed', delivery: 2, attempt: 1, rescues: 0 });
  });

  it('repairs a retry that Redis lost, and keeps its time', async () => {
    const failing = defineJob({
      type: 'some:failing',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 5000, jitter: 0 },
      run: (_input, ctx) => {
        if (ctx.attempt === 1) throw new Error('not yet');
        return Date.now();
      },
    });
    const harness = await startFollower([failing]);
    await harness.startWorker();
    const { id } = await harness.enqueue(failing, null);
    const { runAt } = await harness.has(id, 'retrying');
    await waitFor(
      () =>
        harness
          .queue('some')
          .getJob(id)
          .then((each) => each?.isDelayed()),
      { describe: 'it is delayed' },
    );
    await harness.queue('some').remove(id);
    await age(harness);
    expect(await compare(harness)).toEqual({ ...noDrift(), missing: 1 });
    harness.engine.dispatcher.wake();
    const ended = await harness.ended(id);
    expect(ended).toMatchObject({ status: 'completed', attempt: 2, rescues: 0 });
    expect(ended.output).toBeGreaterThanOrEqual(runAt.getTime());
  });

  it('hands a job over anew that BullMQ takes for finished', async () => {
    const harness = await startFollower([job]);
    const [{ id } = { id: '' }] = await handOver(harness, 1);
    await harness.redis.lrem(`${harness.prefix}:some:wait`, 1, id);
    await harness.redis.zadd(`${harness.prefix}:some:completed`, Date.now(), id);
    expect(await compare(harness)).toEqual({ ...noDrift(), finished: 1 });
    await harness.startWorker();
    harness.engine.dispatcher.wake();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', delivery: 2 });
  });

  it('wakes a job that BullMQ lets sleep beyond its time', async () => {
    const harness = await startFollower([job]);
    const [{ id } = { id: '' }] = await handOver(harness, 1);
    await harness.redis.lrem(`${harness.prefix}:some:wait`, 1, id);
    await harness.redis.zadd(`${harness.prefix}:some:delayed`, (Date.now() + 3_600_000) * 4096, id);
    await harness.sql(
      `update longshore.jobs set status = 'retrying', run_at = now() - interval '1 minute' where id = $1`,
      [id],
    );
    expect(await compare(harness)).toEqual({ ...noDrift(), overdue: 1, orphaned: 1 });
    await harness.startWorker();
    harness.engine.dispatcher.wake();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', delivery: 2 });
    expect(await harness.queue('some').getJob(id)).toBeUndefined();
  });

  it('drops deliveries whose job has ended or is gone, and nothing of other producers', async () => {
    const harness = await startFollower([job]);
    const [ended, gone, waits] = await handOver(harness, 3);
    await harness.sql(`update longshore.jobs set status = 'cancelled', finished_at = now() where id = $1`, [ended?.id]);
    await harness.sql(`delete from longshore.jobs where id = $1`, [gone?.id]);
    const foreignId = '01980000-0000-7000-8000-00000000abcd';
    await harness.queue('some').add('some:job', 'from elsewhere', { jobId: foreignId });
    expect(await compare(harness)).toEqual({ ...noDrift(), orphaned: 2 });
    const left = await harness.queue('some').getRanges(['wait'], 0, -1);
    expect(left.sort()).toEqual([waits?.id, foreignId].sort());
  });

  it('keeps a retry of another producer, whose id is not ours', async () => {
    const failing = defineJob({
      type: 'some:failing',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 600_000 },
      run: () => {
        throw new Error('not yet');
      },
    });
    const harness = await startFollower([failing]);
    await harness.startWorker();
    await harness.queue('some').add('some:failing', null, { jobId: 'theirs', attempts: 3 });
    const isRetrying = () =>
      harness.sql(`select id from longshore.jobs where status = 'retrying'`).then((rows) => rows.length);
    await waitFor(isRetrying, { describe: 'it is retrying' });
    await waitFor(
      () =>
        harness
          .queue('some')
          .getJob('theirs')
          .then((each) => each?.isDelayed()),
      { describe: 'delayed' },
    );
    await age(harness);
    expect(await compare(harness)).toEqual(noDrift());
  });

  it('pauses a queue again whose pause was lost', async () => {
    const harness = await startFollower([job]);
    await harness.engine.store.overview.setPaused('some', true);
    expect(await harness.queue('some').isPaused()).toBe(false);
    expect(await compare(harness)).toEqual({ ...noDrift(), unpaused: 1 });
    expect(await harness.queue('some').isPaused()).toBe(true);
  });

  it('notices by itself that Redis was emptied, while jobs wait, run and are retrying', async () => {
    const gate = new Gate();
    const gated = defineJob({ type: 'gate:job', input: z.null(), run: () => gate.pass().then(() => 'passed') });
    const failing = defineJob({
      type: 'retry:failing',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 5000, jitter: 0 },
      run: (_input, ctx) => {
        if (ctx.attempt === 1) throw new Error('not yet');
      },
    });
    const harness = await start([job, gated, failing], { settings });
    await harness.startWorker({ queues: ['gate', 'retry'] });
    const running = await harness.enqueue(gated, null);
    const retrying = await harness.enqueue(failing, null);
    const waiting = await Promise.all([1, 2, 3].map((n) => harness.enqueue(job, `waits ${n}`)));
    await waitFor(() => gate.arrivals === 1, { describe: 'one runs' });
    await harness.has(retrying.id, 'retrying');
    await harness.engine.dispatcher.settled();
    await age(harness);
    const keys = await harness.redis.keys(`${harness.prefix}:*`);
    await harness.redis.del(keys);
    gate.open();
    await harness.startWorker({ queues: ['some'] });
    for (const { id } of [running, retrying, ...waiting]) {
      expect(await harness.ended(id, 30_000)).toMatchObject({ status: 'completed', rescues: 0 });
    }
    expect(await harness.job(running.id)).toMatchObject({ attempt: 1, output: 'passed' });
    expect(await totals(harness.engine.store)).toEqual({ missing: 4 });
  });
});
