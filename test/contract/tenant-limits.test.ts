import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { batchRequestSchema } from '../../src/contract/batches.ts';
import { enqueueSchema } from '../../src/contract/enqueue.ts';
import type { TenantChange } from '../../src/contract/tenants.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { createBatch } from '../../src/engine/batches/create-batch.ts';
import { closeBatch } from '../../src/engine/batches/end-batch.ts';
import { cancelJob } from '../../src/engine/control.ts';
import type { Caller } from '../../src/engine/engine.ts';
import { enqueueJob } from '../../src/engine/enqueue.ts';
import { enqueueBulk } from '../../src/engine/enqueue-bulk.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { changeTenant } from '../../src/engine/tenants.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const acme: Caller = { scope: { tenant: 'acme' }, actor: 'lsk_acme' };
const echo = defineJob({ type: 'limit:echo', input: z.unknown(), run: (input) => input });
const fork = defineJob({
  type: 'limit:fork',
  input: z.int(),
  attempts: 1,
  async run(count, ctx) {
    for (let n = 0; n < count; n += 1) await ctx.enqueue(echo, n);
  },
});
const steps = definePipeline({
  type: 'limit:steps',
  input: z.int(),
  run: (count, { step }) =>
    step.all(
      echo,
      Array.from({ length: count }, (_, n) => n),
    ),
});
const jobs = [echo, fork, steps];
const later = { delayMs: 3_600_000 };

const limit = (harness: Harness, change: TenantChange) => changeTenant(harness.engine, everyone, 'acme', change);
const enqueue = (
  harness: Harness,
  options: object = {},
  id = createId(),
  type: string = echo.type,
  input: unknown = 1,
) => enqueueJob(harness.engine, acme, enqueueSchema.parse({ type, input, options }), { id });
const bulk = (harness: Harness, count: number, seed = createId()) =>
  enqueueBulk(
    harness.engine,
    acme,
    seed,
    Array.from({ length: count }, () => ({
      ok: true,
      value: enqueueSchema.parse({ type: echo.type, input: 1, options: later }),
    })),
  );
const promising = batchRequestSchema.parse({ onComplete: { type: echo.type, input: 1 } });
const countJobs = async (harness: Harness) =>
  (await harness.sql<{ n: number }>(`select count(*)::integer as n from longshore.jobs where tenant = 'acme'`))[0]?.n;
const countToday = async (harness: Harness) =>
  (await harness.sql<{ n: number }>(`select accepted as n from longshore.tenant_days where tenant = 'acme'`))[0]?.n;
const isRefusal = { code: 'TENANT_LIMIT_REACHED', retryAfterMs: expect.any(Number) };

describe.each<TransportName>(['postgres', 'bullmq'])('limits of a tenant on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('let in exactly so many jobs a day, however many call at once in however many processes', async () => {
    const first = await start(jobs);
    await limit(first, { maxPerDay: 25 });
    const second = await start(jobs, { beside: first });
    const tries = Array.from({ length: 60 }, (_, n) => enqueue(n % 2 === 0 ? first : second, later));
    const bulks = [first, second].map((harness) => bulk(harness, 20));
    const accepted = (await Promise.allSettled(tries)).filter(({ status }) => status === 'fulfilled').length;
    const ofBulks = (await Promise.all(bulks)).reduce((sum, answer) => sum + answer.accepted, 0);
    expect(accepted + ofBulks).toBe(25);
    expect(await countJobs(first)).toBe(25);
    expect(await countToday(first)).toBe(25);
    await expect(enqueue(second, later)).rejects.toMatchObject(isRefusal);
  });

  it('count neither a call that is made again nor one that finds the job of its deduplication key', async () => {
    const harness = await start(jobs);
    await limit(harness, { maxPerDay: 3, maxQueued: 3 });
    const id = createId();
    const options = { ...later, deduplicationKey: 'one' };
    const { job } = await enqueue(harness, options, id);
    expect(await countToday(harness)).toBe(1);
    for (let n = 0; n < 5; n += 1) {
      expect(await enqueue(harness, options, id)).toMatchObject({ job: { id }, isDeduplicated: false });
      expect(await enqueue(harness, options)).toMatchObject({ job: { id }, isDeduplicated: true });
    }
    const seed = createId();
    const answer = await bulk(harness, 3, seed);
    expect(answer).toMatchObject({ accepted: 2, rejected: [{ index: 2 }] });
    expect(await bulk(harness, 3, seed)).toEqual(answer);
    expect(await enqueue(harness, options, id)).toMatchObject({ job: { id: job.id } });
    expect(await enqueue(harness, options)).toMatchObject({ job: { id: job.id }, isDeduplicated: true });
    expect(await countToday(harness)).toBe(3);
  });

  it('begin anew with the day', async () => {
    const harness = await start(jobs);
    await limit(harness, { maxPerDay: 1 });
    await enqueue(harness, later);
    await expect(enqueue(harness, later)).rejects.toMatchObject(isRefusal);
    await harness.sql('update longshore.tenant_days set day = day - 1');
    await enqueue(harness, later);
    await expect(enqueue(harness, later)).rejects.toMatchObject(isRefusal);
  });

  it('bind jobs that enqueue others, and leave the steps of pipelines free', async () => {
    const harness = await start(jobs);
    await harness.startWorker();
    await limit(harness, { maxPerDay: 4 });
    const forking = await enqueue(harness, {}, createId(), fork.type, 5);
    const ended = await harness.ended(forking.job.id);
    expect(ended).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('maxPerDay') } });
    expect(await countJobs(harness)).toBe(4);
    await limit(harness, { maxPerDay: 5, maxQueued: 1 });
    const pipeline = await enqueue(harness, {}, createId(), steps.type, 6);
    expect(await harness.ended(pipeline.job.id)).toMatchObject({ status: 'completed', output: [0, 1, 2, 3, 4, 5] });
    expect(await countToday(harness)).toBe(5);
  });

  it('count the last job of a batch when the batch is made', async () => {
    const harness = await start(jobs);
    await limit(harness, { maxPerDay: 2 });
    const seed = createId();
    const promise = (id = createId()) =>
      createBatch(harness.engine, acme, { seed: id, request: promising, parts: undefined });
    const { batch } = await promise(seed);
    await promise();
    await expect(promise()).rejects.toMatchObject(isRefusal);
    await expect(enqueue(harness, later)).rejects.toMatchObject(isRefusal);
    await limit(harness, { maxPerDay: null, maxQueued: 0 });
    await expect(promise()).rejects.toMatchObject(isRefusal);
    expect((await promise(seed)).batch.id).toBe(batch.id);
    expect(await countToday(harness)).toBe(2);
    expect(await harness.sql('select id from longshore.batches')).toHaveLength(2);
    await closeBatch(harness.engine, acme, batch.id);
    await waitFor(async () => (await countJobs(harness)) === 1, { describe: 'the last job is there' });
  });

  it('count a retry as a job that waits, but not against the day', async () => {
    const harness = await start(jobs);
    const { job } = await enqueue(harness, later);
    await cancelJob(harness.engine, acme, job.id);
    await limit(harness, { maxPerDay: 0, maxQueued: 0 });
    await expect(retryJob(harness.engine, acme, job.id)).rejects.toMatchObject(isRefusal);
    await limit(harness, { maxQueued: 1 });
    expect(await retryJob(harness.engine, acme, job.id)).toMatchObject({ status: 'queued' });
    await expect(enqueue(harness, later)).rejects.toMatchObject(isRefusal);
  });

  it('bind nobody else', async () => {
    const harness = await start(jobs);
    await limit(harness, { maxPerDay: 0, maxQueued: 0, requestsPerSecond: 1 });
    expect(await harness.enqueue(echo, 1)).toMatchObject({ tenant: 'default' });
    expect(await countToday(harness)).toBeUndefined();
  });
});
