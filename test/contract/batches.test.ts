import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { batchRequestSchema } from '../../src/contract/batches.ts';
import { enqueueSchema } from '../../src/contract/enqueue.ts';
import type { JobStatus } from '../../src/contract/job.ts';
import { webhookPayloads } from '../../src/contract/webhook-bodies.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { countsOf } from '../../src/engine/batches/counts.ts';
import { createBatch } from '../../src/engine/batches/create-batch.ts';
import { cancelBatch, closeBatch } from '../../src/engine/batches/end-batch.ts';
import { requireBatch } from '../../src/engine/batches/inquire.ts';
import { foldBatchNews } from '../../src/engine/batches/waker.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { removeExpiredJobs } from '../../src/engine/upkeep/retention.ts';
import { runBulkActions } from '../../src/engine/upkeep/run-bulk-actions.ts';
import { defineJob, NonRetryableError } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import type { BatchRow } from '../../src/store/batches.ts';
import { inTransaction } from '../../src/store/store.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const url = 'http://127.0.0.1:9/hook';
const broken = new Set<unknown>();

const echo = defineJob({
  type: 'echo:job',
  input: z.unknown(),
  run: (input) => {
    if (broken.has(input)) throw new NonRetryableError('as told');
    return input;
  },
});
const last = defineJob({ type: 'last:job', input: z.unknown(), run: (_input, ctx) => ctx.job.metadata });

const job = (input: unknown, options: object = {}) => ({ type: 'echo:job', input, options });

async function create(harness: Harness, request: object = {}, seed = createId()): Promise<BatchRow> {
  const parsed = batchRequestSchema.parse(request);
  const parts = parsed.jobs?.map((each) => ({ ok: true as const, value: enqueueSchema.parse(each) }));
  return (await createBatch(harness.engine, everyone, { seed, request: parsed, parts })).batch;
}

const read = (harness: Harness, { id }: { id: string }) => requireBatch(harness.engine, everyone, id);
const countsIn = async (harness: Harness, batch: BatchRow) => countsOf(await read(harness, batch));

function finished(harness: Harness, batch: BatchRow): Promise<BatchRow> {
  const look = async () => {
    const now = await read(harness, batch);
    return now.finishedAt ? now : undefined;
  };
  return waitFor(look, { describe: `batch ${batch.id} has ended` });
}

/** What has been told and enqueued because batches have ended. */
async function ends(harness: Harness) {
  const told = await harness.sql<{ batchId: string; body: string }>(
    `select batch_id as "batchId", body from longshore.webhook_deliveries where batch_id is not null`,
  );
  const jobs = await harness.sql<{ id: string }>(`select id from longshore.jobs where type = 'last:job'`);
  return { told, jobs };
}

const jobsOf = (harness: Harness, { id }: BatchRow) =>
  harness.sql<{ id: string; status: JobStatus }>(
    'select id, status from longshore.jobs where batch_id = $1 order by id',
    [id],
  );

describe.each<TransportName>(['postgres', 'bullmq'])('a batch on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('counts its jobs, ends with the last of them, and then tells it once and enqueues its last job', async () => {
    const harness = await start([echo, last]);
    broken.add('bad');
    const batch = await create(harness, {
      name: 'import',
      metadata: { file: 'a.csv' },
      webhook: { url },
      onComplete: { type: 'last:job', input: 1, options: { metadata: { a: 1 } } },
      jobs: [job('good'), job('bad'), job('later', { delayMs: 3_600_000 }), job('old', { delayMs: 3_600_000 })],
    });
    expect(countsOf(batch)).toMatchObject({ total: 4, completed: 0, failed: 0 });
    expect(batch.closedAt).not.toBeNull();
    await harness.startWorker();
    await waitFor(async () => (await countsIn(harness, batch)).pending === 2, { describe: 'two jobs have ended' });
    expect((await read(harness, batch)).finishedAt).toBeNull();

    const [, , later, old] = await jobsOf(harness, batch);
    await harness.sql(`update longshore.jobs set expires_at = now() where id = $1`, [old?.id]);
    await cancelJob(harness.engine, everyone, later?.id ?? '');
    const ended = await finished(harness, batch);
    expect(countsOf(ended)).toEqual({ total: 4, pending: 0, completed: 1, failed: 1, cancelled: 1, expired: 1 });

    expect(ended.onCompleteJobId).not.toBeNull();
    const done = await harness.ended(ended.onCompleteJobId ?? '');
    expect(done).toMatchObject({ status: 'completed', output: { a: 1, batchId: batch.id }, batchId: null });
    const { told, jobs } = await ends(harness);
    expect(jobs).toEqual([{ id: ended.onCompleteJobId }]);
    const data = webhookPayloads['batch.completed'].schema.shape.data.strict(); // nothing that the document leaves out
    expect(told.map(({ body }) => data.safeParse(JSON.parse(body).data).error)).toEqual([undefined]);
    expect(told.map(({ body }) => JSON.parse(body))).toEqual([
      {
        type: 'batch.completed',
        timestamp: ended.finishedAt?.toISOString(),
        data: expect.objectContaining({
          id: batch.id,
          name: 'import',
          tenant: 'default',
          counts: countsOf(ended),
          metadata: { file: 'a.csv' },
          onCompleteJobId: ended.onCompleteJobId,
          links: { self: `/v1/batches/${batch.id}`, jobs: `/v1/jobs?batchId=${batch.id}` },
        }),
      },
    ]);
  });

  it('takes jobs until it is closed, and does not end before', async () => {
    const harness = await start([echo]);
    await harness.startWorker();
    const batch = await create(harness);
    const first = await harness.enqueue(echo, 1, { batchId: batch.id });
    await harness.ended(first.id);
    await harness.enqueue(echo, 2, { batchId: batch.id, delayMs: 3_600_000 });
    await closeBatch(harness.engine, everyone, batch.id);
    expect(await countsIn(harness, batch)).toMatchObject({ total: 2, pending: 1, completed: 1 });
    const refused = { code: 'INVALID_FIELDS', errors: [{ path: 'options.batchId' }] };
    await expect(harness.enqueue(echo, 3, { batchId: batch.id })).rejects.toMatchObject(refused);
    await expect(harness.enqueue(echo, 3, { batchId: createId() })).rejects.toMatchObject(refused);
    expect(await countsIn(harness, batch)).toMatchObject({ total: 2 });
    expect((await read(harness, batch)).finishedAt).toBeNull();
  });

  it('is right after a retry, and is not told a second time', async () => {
    const harness = await start([echo, last]);
    await harness.startWorker();
    broken.add('mended');
    const batch = await create(harness, {
      webhook: { url },
      onComplete: { type: 'last:job', input: 1 },
      jobs: [job('mended'), job('fine')],
    });
    const ended = await finished(harness, batch);
    expect(countsOf(ended)).toMatchObject({ failed: 1, completed: 1 });
    broken.delete('mended');
    const [failed] = (await jobsOf(harness, batch)).filter(({ status }) => status === 'failed');
    await retryJob(harness.engine, everyone, failed?.id ?? '');
    await harness.ended(failed?.id ?? '');
    expect(await countsIn(harness, batch)).toEqual({
      ...{ total: 2, pending: 0, completed: 2 },
      ...{ failed: 0, cancelled: 0, expired: 0 },
    });
    await untilFolded(harness);
    expect((await read(harness, batch)).finishedAt).toEqual(ended.finishedAt);
    const { told, jobs } = await ends(harness);
    expect([told.length, jobs.length]).toEqual([1, 1]);
  });

  it('is cancelled with all of its jobs that have not ended', async () => {
    const harness = await start([echo]);
    const waiting = Array.from({ length: 30 }, (_, n) => job(n, { delayMs: n % 2 === 0 ? 0 : 3_600_000 }));
    const batch = await create(harness, { webhook: { url }, jobs: waiting, keepOpen: true });
    const other = await harness.enqueue(echo, 1, { delayMs: 3_600_000 });
    await cancelBatch(harness.engine, everyone, batch.id, createId());
    await runBulkActions(harness.engine);
    expect(countsOf(await finished(harness, batch))).toMatchObject({ total: 30, cancelled: 30 });
    expect((await harness.job(other.id)).status).toBe('scheduled');
    expect((await ends(harness)).told).toHaveLength(1);
  });
});

describe('a batch', () => {
  const start = useHarnesses('postgres');

  it('ends at once when it is closed without jobs', async () => {
    const harness = await start([echo]);
    const batch = await create(harness, { webhook: { url } });
    await closeBatch(harness.engine, everyone, batch.id);
    expect(countsOf(await finished(harness, batch))).toMatchObject({ total: 0, pending: 0 });
    expect((await ends(harness)).told).toHaveLength(1);
  });

  it('ends exactly once although whoever folds its news dies in between, again and again', async () => {
    const harness = await start([echo, last]);
    await harness.program.engine.batchWaker.stop(); // the test folds
    const batches = await Promise.all(
      [1, 2, 3].map((n) =>
        create(harness, {
          webhook: { url },
          onComplete: { type: 'last:job', input: n },
          jobs: Array.from({ length: 5 }, (_, index) => job(index)),
        }),
      ),
    );
    await harness.startWorker({ queues: ['echo'] });
    const all = (await Promise.all(batches.map((batch) => jobsOf(harness, batch)))).flat();
    await harness.allEnded(all);
    const { engine } = harness;
    for (let deaths = 0; deaths < 3; deaths += 1) {
      const dying = inTransaction(engine.store, async (store) => {
        expect((await store.batches.fold(1000)).finished).toHaveLength(3);
        await store.database.query('select pg_terminate_backend(pg_backend_pid())');
      });
      await expect(dying).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    }
    for (const batch of batches) expect(await countsIn(harness, batch)).toMatchObject({ total: 5, completed: 5 });
    await Promise.all([1, 2, 3, 4].map(() => foldBatchNews(engine)));
    await untilFolded(harness);
    for (const batch of batches) expect((await finished(harness, batch)).onCompleteJobId).not.toBeNull();
    const { told, jobs } = await ends(harness);
    expect(told.map(({ batchId }) => batchId).sort()).toEqual(batches.map(({ id }) => id).sort());
    expect(jobs).toHaveLength(3);
  });

  it('ends once, and with every job, while jobs join and it is closed at the same time', async () => {
    const harness = await start([echo]);
    await harness.startWorker();
    const batch = await create(harness, { webhook: { url } });
    const joining = Array.from({ length: 60 }, (_, n) => harness.enqueue(echo, n, { batchId: batch.id }));
    const closing = joining[20]?.then(() => closeBatch(harness.engine, everyone, batch.id));
    const outcomes = await Promise.allSettled(joining);
    await closing;
    const joined = outcomes.filter(({ status }) => status === 'fulfilled').length;
    const ended = await finished(harness, batch);
    expect(countsOf(ended)).toMatchObject({ total: joined, completed: joined });
    expect(await jobsOf(harness, batch)).toHaveLength(joined);
    expect((await ends(harness)).told).toHaveLength(1);
  });

  it('waits with its close for a job that is about to join', async () => {
    const harness = await start([echo]);
    const batch = await create(harness);
    let closing: Promise<unknown> | undefined;
    await inTransaction(harness.engine.store, async (store) => {
      await store.database.query(`select longshore.enqueue('echo:job', '1', jsonb_build_object('batchId', $1::text))`, [
        batch.id,
      ]);
      closing = closeBatch(harness.engine, everyone, batch.id);
      closing.catch(() => undefined); // awaited below
      await waitFor(async () => (await harness.countLockWaits()) > 0, { describe: 'the close waits' });
    });
    await closing;
    expect(await countsIn(harness, batch)).toMatchObject({ total: 1, pending: 1 });
    expect((await read(harness, batch)).closedAt).not.toBeNull();
  });

  it('keeps its counts when its jobs are removed, and is removed after them', async () => {
    const harness = await start([echo], { isFollower: true });
    await harness.startWorker();
    const batch = await create(harness, { jobs: [job(1), job(2)] });
    await finished(harness, batch);
    await harness.engine.store.bulkActions.deleteJobs([(await jobsOf(harness, batch))[0]?.id ?? ''], ['completed']);
    expect(await countsIn(harness, batch)).toMatchObject({ total: 2, completed: 2 });
    await harness.sql(`update longshore.jobs set finished_at = now() - interval '8 days' where batch_id = $1`, [
      batch.id,
    ]);
    await harness.sql(`update longshore.batches set finished_at = now() - interval '8 days' where id = $1`, [batch.id]);
    await removeExpiredJobs(harness.engine, { completedDays: 7, failedDays: 7 });
    await expect(read(harness, batch)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('takes only jobs of its tenant, and finds no batch of another one', async () => {
    const harness = await start([echo]);
    const { engine } = harness;
    const batch = await create(harness, { tenant: 'acme' });
    const refused = { code: 'INVALID_FIELDS' };
    await expect(harness.enqueue(echo, 1, { batchId: batch.id, tenant: 'other' })).rejects.toMatchObject(refused);
    await harness.enqueue(echo, 1, { batchId: batch.id, tenant: 'acme', delayMs: 3_600_000 });
    const stranger = { scope: { tenant: 'other' }, actor: 'test' };
    const missing = { code: 'NOT_FOUND' };
    await expect(requireBatch(engine, stranger, batch.id)).rejects.toMatchObject(missing);
    await expect(closeBatch(engine, stranger, batch.id)).rejects.toMatchObject(missing);
    await expect(cancelBatch(engine, stranger, batch.id, createId())).rejects.toMatchObject(missing);
    expect(await read(harness, batch)).toMatchObject({ closedAt: null, total: 1 });
  });

  it('is made once by a call that is made again, also after it was closed', async () => {
    const harness = await start([echo]);
    const seed = createId();
    const request = { jobs: [job(1, { delayMs: 3_600_000 }), job(2, { delayMs: 3_600_000 })] };
    const batch = await create(harness, request, seed);
    const again = await create(harness, request, seed);
    expect([again.id, again.total, again.closedAt]).toEqual([batch.id, 2, batch.closedAt]);
    expect(await jobsOf(harness, batch)).toHaveLength(2);
  });
});

/** Waits until nothing is left to be counted. */
async function untilFolded(harness: Harness): Promise<void> {
  await waitFor(
    async () => {
      await foldBatchNews(harness.engine);
      return !(await harness.engine.store.batches.hasNews());
    },
    { describe: 'all news are folded' },
  );
}
