import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { enqueueSchema, type JobOptionsInput } from '../../src/contract/enqueue.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { enqueueJob } from '../../src/engine/enqueue.ts';
import { enqueueBulk } from '../../src/engine/enqueue-bulk.ts';
import { defineJob } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const deduplicationKey = 'invoice 17';
const makeJob = (gate: Gate, type = 'gate:job') =>
  defineJob({ type, input: z.unknown(), run: (_input, ctx) => gate.pass(ctx.signal) });

const enqueue = (harness: Harness, type: string, input: unknown, options: JobOptionsInput) =>
  enqueueJob(harness.engine, everyone, enqueueSchema.parse({ type, input, options }));

const enqueueKeys = (harness: Harness, keys: readonly string[]) =>
  enqueueBulk(
    harness.engine,
    everyone,
    createId(),
    keys.map((key, input) => {
      const options = { deduplicationKey: key };
      return { ok: true, value: enqueueSchema.parse({ type: 'gate:job', input, options }) };
    }),
  );

const INSERT_KEY = `
  insert into longshore.jobs (id, tenant, type, queue, status, input, max_attempts, timeout_ms, deduplication_key)
  values ($1, 'default', 'gate:job', 'gate', 'queued', '0', 1, 1000, $2)`;

const countJobs = async (harness: Harness) =>
  (await harness.sql<{ count: number }>('select count(*)::integer as count from longshore.jobs'))[0]?.count;

describe.each<TransportName>(['postgres', 'bullmq'])('a deduplication key on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('names the job that waits, runs or is scheduled, and makes a new one once that has ended', async () => {
    const gate = new Gate();
    const harness = await start([makeJob(gate)]);
    const first = await enqueue(harness, 'gate:job', 1, { deduplicationKey, delayMs: 60_000 });
    expect(first).toMatchObject({ isDeduplicated: false, job: { status: 'scheduled', deduplicationKey } });
    const again = await enqueue(harness, 'gate:job', 2, { deduplicationKey });
    expect(again).toEqual({ isDeduplicated: true, job: first.job });

    await cancelJob(harness.engine, everyone, first.job.id);
    const second = await enqueue(harness, 'gate:job', 3, { deduplicationKey });
    expect(second).toMatchObject({ isDeduplicated: false, job: { input: 3 } });
    await harness.startWorker();
    await waitFor(() => gate.arrivals === 1, { describe: 'the job runs' });
    const during = await enqueue(harness, 'gate:job', 4, { deduplicationKey });
    expect(during).toMatchObject({ isDeduplicated: true, job: { id: second.job.id, status: 'processing', input: 3 } });
    gate.open();
    await harness.ended(second.job.id);
    const third = await enqueue(harness, 'gate:job', 5, { deduplicationKey });
    expect(third).toMatchObject({ isDeduplicated: false, job: { input: 5 } });
    await harness.ended(third.job.id);
    expect(gate.arrivals).toBe(2);
  });

  it('counts within one type of one tenant', async () => {
    const gate = new Gate();
    const harness = await start([makeJob(gate), makeJob(gate, 'other:job')]);
    const enqueued = [
      await enqueue(harness, 'gate:job', 1, { deduplicationKey }),
      await enqueue(harness, 'other:job', 1, { deduplicationKey }),
      await enqueue(harness, 'gate:job', 1, { deduplicationKey, tenant: 'acme' }),
      await enqueue(harness, 'gate:job', 1, { deduplicationKey: deduplicationKey.toUpperCase() }),
      await enqueue(harness, 'gate:job', 1, {}),
      await enqueue(harness, 'gate:job', 1, {}),
    ];
    expect(enqueued.map((each) => each.isDeduplicated)).toEqual(Array(6).fill(false));
  });

  it('lets one of 100 calls at once make the job, and all of them name it', async () => {
    const gate = new Gate();
    const harness = await start([makeJob(gate)]);
    await harness.startWorker();
    const calls = Array.from({ length: 100 }, (_, n) => enqueue(harness, 'gate:job', n, { deduplicationKey }));
    const enqueued = await Promise.all(calls);
    expect(new Set(enqueued.map(({ job }) => job.id)).size).toBe(1);
    expect(enqueued.filter(({ isDeduplicated }) => !isDeduplicated)).toHaveLength(1);
    expect(await countJobs(harness)).toBe(1);
    gate.open();
  });

  it('never leaves a call without a job while holders end all the time', async () => {
    const gate = new Gate();
    gate.open();
    const harness = await start([makeJob(gate)]);
    await harness.startWorker();
    const caller = async (n: number) => {
      const seen = [];
      for (let round = 0; round < 20; round += 1)
        seen.push(await enqueue(harness, 'gate:job', n, { deduplicationKey }));
      return seen;
    };
    const enqueued = (await Promise.all(Array.from({ length: 10 }, (_, n) => caller(n)))).flat();
    const ids = new Set(enqueued.map(({ job }) => job.id));
    expect(enqueued.filter(({ isDeduplicated }) => !isDeduplicated)).toHaveLength(ids.size);
    expect(await countJobs(harness)).toBe(ids.size);
    for (const id of ids) await harness.ended(id);
    expect(gate.arrivals).toBe(ids.size);
  });

  it('holds within a bulk request and against the jobs before it', async () => {
    const harness = await start([makeJob(new Gate())]);
    const { job } = await enqueue(harness, 'gate:job', 'before', { deduplicationKey: 'b' });
    const { accepted, ids, deduplicated } = await enqueueKeys(harness, ['a', 'b', 'a', 'c']);
    expect(accepted).toBe(4);
    expect(deduplicated).toEqual([1, 2]);
    expect(ids[1]).toBe(job.id);
    expect(ids[2]).toBe(ids[0]);
    expect((await harness.job(ids[0] ?? '')).input).toBe(0);
    expect(await countJobs(harness)).toBe(3);
  });

  it('lets two bulk requests pass that want the same keys in another order', async () => {
    const harness = await start([makeJob(new Gate())]);
    const holder = await harness.engine.store.database.connect();
    await holder.query('begin');
    await holder.query(INSERT_KEY, [createId(), 'middle']); // both meet here, each with its first key in hand
    const keys = ['first', 'middle', 'last'];
    const calls = [keys, keys.toReversed()].map((wanted) => enqueueKeys(harness, wanted));
    await waitFor(async () => (await harness.countLockWaits()) === 2, { describe: 'both wait for a lock' });
    await holder.query('rollback');
    await holder.end();
    const [one, other] = await Promise.all(calls);
    expect(other?.ids).toEqual(one?.ids.toReversed());
    expect([...(one?.deduplicated ?? []), ...(other?.deduplicated ?? [])]).toHaveLength(3);
    expect(await countJobs(harness)).toBe(3);
  });

  it('lets a bulk request pass that meets a bulk retry of the same keys in another order', async () => {
    const gate = new Gate();
    const harness = await start([makeJob(gate)]);
    const { ids } = await enqueueKeys(harness, ['a', 'b']);
    for (const id of ids) await cancelJob(harness.engine, everyone, id);
    let request: Promise<unknown> | undefined;
    await harness.engine.store.database.transaction(async ({ query }) => {
      const retry = (id = '') =>
        query(`update longshore.jobs set status = 'queued', finished_at = null where id = $1`, [id]);
      await query(`set local deadlock_timeout = '10s'`); // the other one is to give way
      await retry(ids[1]);
      request = enqueueKeys(harness, ['a', 'b']);
      await waitFor(async () => (await harness.countLockWaits()) === 1, { describe: 'the request waits' });
      await retry(ids[0]);
    });
    expect(await request).toMatchObject({ ids, deduplicated: [0, 1] });
  });

  it('works for the children of a job, within its tenant', async () => {
    const gate = new Gate();
    const child = makeJob(gate);
    const parent = defineJob({
      type: 'parent:job',
      input: z.null(),
      run: async (_input, ctx) => {
        const one = await ctx.enqueue(child, 1, { deduplicationKey });
        const other = await ctx.enqueue(child, 2, { deduplicationKey });
        return [one.id, other.id];
      },
    });
    const harness = await start([child, parent]);
    const foreign = await enqueue(harness, 'gate:job', 0, { deduplicationKey });
    await harness.startWorker();
    const { id } = await harness.enqueue(parent, null, { tenant: 'acme' });
    const output = (await harness.ended(id)).output as string[];
    expect(output[0]).toBe(output[1]);
    expect(output[0]).not.toBe(foreign.job.id);
    expect(await harness.job(output[0] ?? '')).toMatchObject({ parentId: id, tenant: 'acme', input: 1 });
    gate.open();
  });

  it('is refused when it cannot be stored', async () => {
    const harness = await start([makeJob(new Gate())]);
    const refused = enqueue(harness, 'gate:job', 1, { deduplicationKey: 'a\0' });
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [{ path: 'options.deduplicationKey', message: expect.stringContaining('NUL') }],
    });
    for (const key of ['', 'x'.repeat(256)]) {
      expect(enqueueSchema.safeParse({ type: 'a', input: 1, options: { deduplicationKey: key } }).success).toBe(false);
    }
  });
});
