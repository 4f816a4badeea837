import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, defineQueue } from '../../src/index.ts';
import { AppError } from '../../src/shared/errors.ts';
import { Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const settings = { DISPATCH_INTERVAL_MS: '50', POLL_INTERVAL_MS: '50' };

describe.each<TransportName>(['postgres', 'bullmq'])('handing jobs over to the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it.each([
    ['before anything arrived', false],
    ['after everything arrived', true],
  ])('is done again when it fails %s, and every job runs once', async (_when, hasArrived) => {
    const runs: number[] = [];
    const job = defineJob({ type: 'some:job', input: z.int(), run: (n) => void runs.push(n) });
    const harness = await start([job], { settings });
    const target = harness.engine.transports.of('some');
    const { deliver } = target;
    let failures = 0;
    target.deliver = async (jobs) => {
      if (failures >= 3) return deliver(jobs);
      failures += 1;
      if (hasArrived) await deliver(jobs);
      throw new AppError('TRANSPORT_UNAVAILABLE', 'away');
    };
    const jobs = [];
    for (let n = 0; n < 5; n += 1) jobs.push(await harness.enqueue(job, n));
    await harness.engine.dispatcher.settled();
    await harness.startWorker();
    const ends = await Promise.all(jobs.map(({ id }) => harness.ended(id)));
    expect(ends.every(({ status, attempt }) => status === 'completed' && attempt === 1)).toBe(true);
    expect(runs.toSorted()).toEqual([0, 1, 2, 3, 4]);
    expect(failures).toBe(3);
  });

  it('happens in the order of time for jobs that are due later, and at once for those that are late', async () => {
    const order: string[] = [];
    const job = defineJob({
      type: 'some:job',
      input: z.string(),
      concurrency: 1,
      run: (name) => void order.push(name),
    });
    const harness = await start([job], { settings });
    await harness.startWorker();
    const second = await harness.enqueue(job, 'second', { runAt: new Date(Date.now() + 3_600_000).toISOString() });
    const first = await harness.enqueue(job, 'first', { delayMs: 600_000 });
    const past = await harness.enqueue(job, 'past', { runAt: '2020-01-01T00:00:00Z' });
    expect([second, first, past].map((each) => each.status)).toEqual(['scheduled', 'scheduled', 'queued']);
    await harness.ended(past.id);
    // As if their times were near.
    await harness.sql(
      `update longshore.jobs
       set run_at = now() + case id when $1 then interval '100 milliseconds' else interval '400 milliseconds' end
       where id in ($1, $2)`,
      [first.id, second.id],
    );
    for (const { id } of [first, second]) {
      const { startedAt, runAt } = await harness.ended(id);
      expect(Number(startedAt)).toBeGreaterThanOrEqual(Number(runAt));
    }
    expect(order).toEqual(['past', 'first', 'second']);
  });
});

describe('a queue that chooses its transport', () => {
  const start = useHarnesses('bullmq');
  const onPostgres = defineJob({
    type: 'tiny:job',
    input: z.null(),
    queue: defineQueue({ name: 'tiny', transport: 'postgres' }),
    run: () => 'tiny',
  });
  const onBullMq = defineJob({ type: 'usual:job', input: z.null(), run: () => 'usual' });

  it('is served by it beside queues of the other, and leaves nothing in Redis', async () => {
    const harness = await start([onPostgres, onBullMq]);
    const worker = await harness.startWorker();
    const tiny = await harness.enqueue(onPostgres, null);
    const usual = await harness.enqueue(onBullMq, null);
    expect(await harness.ended(tiny.id)).toMatchObject({ output: 'tiny', dispatchedAt: null });
    expect(await harness.ended(usual.id)).toMatchObject({ output: 'usual', dispatchedAt: expect.any(Date) });
    expect(await harness.redis.keys(`${harness.prefix}:tiny:*`)).toEqual([]);
    expect(await harness.redis.keys(`${harness.prefix}:usual:*`)).not.toEqual([]);
    const transports = worker.getHealth().queues.map(({ name, transport }) => [name, transport]);
    expect(Object.fromEntries(transports)).toMatchObject({ tiny: 'postgres', usual: 'bullmq' });
  });

  it('keeps its jobs when it moves from BullMQ to PostgreSQL, also those that BullMQ was to wake', async () => {
    const before = defineJob({
      type: 'tiny:job',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 600_000 },
      run: () => {
        throw new Error('on bullmq');
      },
    });
    const bystander = await start([]); // keeps the database, and knows nothing of the queue
    const former = await Harness.start({ transport: 'bullmq', jobs: [before], beside: bystander });
    const worker = await former.startWorker();
    const waits = await former.enqueue(before, null);
    await former.has(waits.id, 'retrying');
    await worker.stop();
    const due = await former.enqueue(before, null);
    await former.engine.dispatcher.settled();
    expect(await former.job(due.id)).toMatchObject({ status: 'queued', dispatchedAt: expect.any(Date) });
    await former.stop(); // or it would hand them to BullMQ again
    const moved = await start([onPostgres], { beside: bystander, settings });
    await moved.sql('update longshore.jobs set run_at = now() where id = $1', [waits.id]); // its time has come
    await moved.startWorker();
    expect(await moved.ended(due.id)).toMatchObject({ status: 'completed', output: 'tiny', attempt: 1 });
    expect(await moved.ended(waits.id)).toMatchObject({ status: 'completed', output: 'tiny', attempt: 2 });
  });

  it('gets the jobs too that a program of the former settings hands to BullMQ after that', async () => {
    const moved = await start([onPostgres], {
      settings: { ...settings, RECONCILE_INTERVAL_MS: '100', LEADER_LEASE_MS: '1000' },
    });
    await moved.startWorker();
    const before = [{ ...onPostgres, queue: { name: 'tiny' } }];
    const former = await Harness.start({ transport: 'bullmq', jobs: before, beside: moved });
    const { id, dispatchedAt } = await former.enqueue(onPostgres, null);
    expect(dispatchedAt).toBeInstanceOf(Date);
    await former.stop();
    expect(await moved.ended(id)).toMatchObject({ status: 'completed', output: 'tiny', attempt: 1 });
  });

  it('needs REDIS_URL for BullMQ', async () => {
    const job = defineJob({
      type: 'any:job',
      input: z.null(),
      queue: defineQueue({ name: 'any', transport: 'bullmq' }),
      run: () => null,
    });
    await expect(start([job], { transport: 'postgres' })).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
      message: 'queue "any" wants the transport bullmq: set REDIS_URL',
    });
  });
});

describe('the pace of the dispatcher', () => {
  const start = useHarnesses('bullmq');
  const job = defineJob({ type: 'some:job', input: z.null(), run: () => undefined });
  /** The shortest time within which `times` can lie: one interval between each two. */
  const spanOf = (times: readonly number[]) => (times.at(-1) ?? 0) - (times[0] ?? 0);

  it('does not write the same jobs again and again while Redis refuses them', async () => {
    const intervalMs = 200;
    const harness = await start([job], { settings: { DISPATCH_INTERVAL_MS: String(intervalMs) } });
    const target = harness.engine.transports.of('some');
    const { deliver } = target;
    const tries: number[] = [];
    target.deliver = async () => {
      tries.push(performance.now());
      throw new AppError('TRANSPORT_UNAVAILABLE', 'OOM command not allowed');
    };
    const { id } = await harness.enqueue(job, null);
    await waitFor(() => tries.length >= 6, { describe: 'it was tried often' });
    expect(spanOf(tries.slice(1, 6))).toBeGreaterThan(3 * intervalMs);
    target.deliver = deliver;
    await harness.startWorker();
    await harness.ended(id);
  });

  it('does not ask again and again for a due job that another process has locked', async () => {
    const harness = await start([job], { settings });
    const { store } = harness.engine;
    const { id } = await harness.enqueue(job, null, { delayMs: 300 });
    const { promoteDue } = store.backlog;
    const looks: number[] = [];
    await store.database.transaction(async (locking) => {
      await locking.query(`select 1 from longshore.jobs where id = $1 for update`, [id]);
      await waitFor(() => store.backlog.nextDueMs().then((ms) => ms === 0), { describe: 'it is due' });
      store.backlog.promoteDue = (limit) => {
        looks.push(performance.now());
        return promoteDue(limit);
      };
      await waitFor(() => looks.length >= 11, { describe: 'it was looked for often' });
    });
    expect(spanOf(looks.slice(0, 11))).toBeGreaterThan(200);
    await harness.startWorker();
    await harness.ended(id);
  });
});
