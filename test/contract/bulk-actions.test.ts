import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type BulkActionName, bulkActionRequestSchema } from '../../src/contract/bulk-actions.ts';
import type { JobStatus } from '../../src/contract/job.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { abortBulkAction, countMatches, createBulkAction, requireBulkAction } from '../../src/engine/bulk-actions.ts';
import type { Caller } from '../../src/engine/engine.ts';
import { runBulkActions } from '../../src/engine/upkeep/run-bulk-actions.ts';
import { defineJob } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import type { BulkActionRow } from '../../src/store/bulk-actions.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const order = (action: BulkActionName, filter: object) => bulkActionRequestSchema.parse({ action, filter });
const begin = (harness: Harness, action: BulkActionName, filter: object, caller: Caller = everyone) =>
  createBulkAction(harness.engine, caller, order(action, filter), createId());

function finished(harness: Harness, id: string): Promise<BulkActionRow> {
  const read = async () => {
    const action = await requireBulkAction(harness.engine, everyone, id);
    return action.status !== 'running' && action;
  };
  return waitFor(read, { describe: `bulk action ${id} has finished`, timeoutMs: 30_000 });
}

interface Made {
  count?: number;
  tenant?: string;
  deduplicationKey?: string;
}

/** Puts ended jobs into the record, as if they had run. */
async function makeEnded(
  harness: Harness,
  status: JobStatus,
  { count = 1, tenant = 'default', deduplicationKey }: Made,
) {
  const rows = await harness.sql<{ id: string }>(
    `insert into longshore.jobs
       (id, tenant, type, queue, status, reason, error, input, max_attempts, timeout_ms, finished_at, fence, deduplication_key)
     select gen_random_uuid(), $3, 'noop:job', 'noop', $2, case when $2 = 'failed' then 'timeout' end,
       case when $2 = 'failed' then '{"name": "Error", "message": "out", "attempt": 1}'::jsonb end,
       'null', 1, 1000, now(), 1, $4
     from generate_series(1, $1)
     returning id`,
    [count, status, tenant, deduplicationKey ?? null],
  );
  return rows.map(({ id }) => id);
}

/** As if the database went away before the progress of the second batch is written, until the returned function is called. */
async function breakSecondBatch(harness: Harness): Promise<() => Promise<void>> {
  await harness.sql(`create function longshore.go_away() returns trigger language plpgsql as $$
    begin raise exception 'terminating connection' using errcode = '57P01'; end $$`);
  await harness.sql(`create trigger go_away before update on longshore.bulk_actions for each row
    when (new.processed > 500) execute function longshore.go_away()`);
  return async () => void (await harness.sql('drop trigger go_away on longshore.bulk_actions'));
}

async function atSecondBatch(harness: Harness, id: string): Promise<BulkActionRow> {
  const hasFailed = () => harness.lines().some(({ message }) => message.startsWith('doing bulk actions failed'));
  await waitFor(hasFailed, { describe: 'the second batch has failed' });
  return requireBulkAction(harness.engine, everyone, id);
}

const countJobs = async (harness: Harness, condition: string) => {
  const [row] = await harness.sql<{ n: number }>(
    `select count(*)::integer as n from longshore.jobs where ${condition}`,
  );
  return row?.n;
};

const noop = defineJob({ type: 'noop:job', input: z.null(), run: () => null });

describe.each<TransportName>(['postgres', 'bullmq'])('a bulk action on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('retries what it counted, batch by batch, and every job of it runs', async () => {
    const harness = await start([noop]);
    await makeEnded(harness, 'failed', { count: 1100 });
    await makeEnded(harness, 'completed', { count: 3 });
    expect(await countMatches(harness.engine, everyone, order('retry', {}))).toEqual({
      matched: 1100,
      matchedIsCapped: false,
    });
    const action = await begin(harness, 'retry', {});
    expect(action).toMatchObject({ status: 'running', matched: 1100, processed: 0, changed: 0, finishedAt: null });
    expect(await finished(harness, action.id)).toMatchObject({
      ...{ status: 'completed', processed: 1100, changed: 1100, error: null, finishedAt: expect.any(Date) },
    });
    await harness.startWorker({ concurrency: 50 });
    const isDone = async () => (await countJobs(harness, `status = 'completed'`)) === 1103;
    await waitFor(isDone, { describe: 'every job has completed', timeoutMs: 30_000 });
    expect(await countJobs(harness, `fence = 1`)).toBe(3);
  });

  it('cancels what waits and what runs, with webhooks, and leaves alone what has ended', async () => {
    const gate = new Gate();
    const aborted: unknown[] = [];
    const long = defineJob({
      type: 'long:job',
      input: z.null(),
      run: async (_input, ctx) => {
        ctx.signal.addEventListener('abort', () => aborted.push(ctx.signal.reason));
        await gate.pass(ctx.signal);
      },
    });
    const harness = await start([long, noop]);
    await harness.startWorker({ concurrency: 1, heartbeatMs: 600_000 });
    const running = await harness.enqueue(long, null, { webhook: { url: 'http://127.0.0.1:9/' } });
    await waitFor(() => gate.arrivals, { describe: 'the handler runs' });
    const queued = await harness.enqueue(long, null);
    const scheduled = await harness.enqueue(long, null, { delayMs: 600_000 });
    const other = await harness.enqueue(noop, null, { delayMs: 600_000 });
    const [done = ''] = await makeEnded(harness, 'completed', {});
    const { id } = await begin(harness, 'cancel', { type: 'long:job' });
    expect(await finished(harness, id)).toMatchObject({ status: 'completed', matched: 3, processed: 3, changed: 3 });
    await waitFor(() => aborted.length === 1, { describe: 'the signal aborts' });
    for (const job of [running, queued, scheduled]) expect((await harness.job(job.id)).status).toBe('cancelled');
    expect((await harness.job(other.id)).status).toBe('scheduled');
    expect((await harness.job(done)).status).toBe('completed');
    expect(await harness.engine.store.deliveries.list(running.id, null, 10)).toMatchObject([
      { event: 'job.cancelled' },
    ]);
  });

  it('goes on after a crash where it was: each job is changed once, and counted once', async () => {
    const harness = await start([noop]);
    const mend = await breakSecondBatch(harness);
    await makeEnded(harness, 'failed', { count: 1100 });
    const { id } = await begin(harness, 'retry', { status: 'failed' });
    expect(await atSecondBatch(harness, id)).toMatchObject({ status: 'running', processed: 500, changed: 500 });
    expect(await countJobs(harness, `status = 'failed'`)).toBe(600);
    await mend();
    expect(await finished(harness, id)).toMatchObject({ status: 'completed', processed: 1100, changed: 1100 });
    expect(await countJobs(harness, `fence = 2`)).toBe(1100);
  });

  it('can be aborted between two batches; what it has done stays done', async () => {
    const harness = await start([noop]);
    const mend = await breakSecondBatch(harness);
    await makeEnded(harness, 'failed', { count: 1100 });
    const { id } = await begin(harness, 'delete', { type: 'noop:job' });
    await atSecondBatch(harness, id);
    expect(await abortBulkAction(harness.engine, everyone, id)).toMatchObject({ status: 'aborted', processed: 500 });
    await mend();
    await expect(abortBulkAction(harness.engine, everyone, id)).rejects.toMatchObject({ code: 'ACTION_FINISHED' });
    const next = await begin(harness, 'retry', {}); // once it is done, the other would have gone on
    await finished(harness, next.id);
    expect(await countJobs(harness, 'true')).toBe(600);
  });
});

describe('a bulk action', () => {
  const start = useHarnesses('postgres');

  it('deletes ended jobs with all that belongs to them', async () => {
    const talk = defineJob({
      type: 'talk:job',
      input: z.null(),
      attempts: 1,
      run: (_input, ctx) => {
        ctx.log.info('a line');
        throw new Error('out');
      },
    });
    const harness = await start([talk]);
    await harness.startWorker();
    const failed = await harness.enqueue(talk, null);
    await harness.ended(failed.id);
    const waiting = await harness.enqueue(talk, null, { delayMs: 600_000 });
    const { id } = await begin(harness, 'delete', { ids: [failed.id, waiting.id] });
    expect(await finished(harness, id)).toMatchObject({ matched: 1, processed: 1, changed: 1 });
    await expect(harness.job(failed.id)).rejects.toThrow('there is no job');
    expect(await harness.attempts(failed.id)).toEqual([]);
    expect((await harness.job(waiting.id)).status).toBe('scheduled');
  });

  it('leaves alone what came later than itself', async () => {
    const harness = await start([noop]);
    await makeEnded(harness, 'failed', { count: 2 });
    const [later = ''] = await makeEnded(harness, 'failed', {});
    await harness.sql(`update longshore.jobs set created_at = now() + interval '1 hour' where id = $1`, [later]);
    const { id } = await begin(harness, 'delete', {});
    expect(await finished(harness, id)).toMatchObject({ status: 'completed', processed: 2, changed: 2 });
    expect((await harness.job(later)).status).toBe('failed');
  });

  it('runs one of several jobs with the same deduplication key again', async () => {
    const harness = await start([noop]);
    await makeEnded(harness, 'failed', { count: 3, deduplicationKey: 'one' });
    const { id } = await begin(harness, 'retry', {});
    expect(await finished(harness, id)).toMatchObject({ matched: 3, processed: 3, changed: 1 });
  });

  it('belongs to the tenant who asked for it, and reaches only that tenant', async () => {
    const harness = await start([noop]);
    const acme: Caller = { scope: { tenant: 'acme' }, actor: 'test' };
    const rival: Caller = { scope: { tenant: 'rival' }, actor: 'test' };
    await makeEnded(harness, 'failed', { count: 2, tenant: 'acme' });
    const others = await makeEnded(harness, 'failed', { count: 3, tenant: 'rival' });
    expect(await countMatches(harness.engine, acme, order('delete', {}))).toMatchObject({ matched: 2 });
    expect(await countMatches(harness.engine, acme, order('delete', { tenant: 'rival' }))).toMatchObject({
      matched: 0,
    });
    expect(await countMatches(harness.engine, acme, order('delete', { ids: others }))).toMatchObject({ matched: 0 });
    const { id } = await begin(harness, 'delete', {}, acme);
    expect(await finished(harness, id)).toMatchObject({ tenant: 'acme', matched: 2, changed: 2 });
    expect(await countJobs(harness, `tenant = 'rival'`)).toBe(3);
    await expect(requireBulkAction(harness.engine, rival, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(abortBulkAction(harness.engine, rival, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await harness.engine.store.bulkActions.list({ tenant: 'rival' }, 10, null)).toEqual([]);
    expect(await harness.engine.store.bulkActions.list({ tenant: 'acme' }, 10, null)).toMatchObject([{ id }]);
  });

  it('fails with the reason when it cannot be done, and holds up no other', async () => {
    const harness = await start([noop]);
    await makeEnded(harness, 'failed', {});
    const id = createId();
    await harness.sql(
      `insert into longshore.bulk_actions (id, action, filter, matched) values ($1, 'retry', '{"colour": "blue"}', 1)`,
      [id],
    );
    expect(await finished(harness, id)).toMatchObject({ status: 'failed', error: expect.stringContaining('colour') });
    const next = await begin(harness, 'retry', {});
    expect(await finished(harness, next.id)).toMatchObject({ status: 'completed', changed: 1 });
  });

  it('of one process is not done again by another at the same time', async () => {
    const harness = await start([noop]);
    await start([noop], { beside: harness });
    await makeEnded(harness, 'failed', { count: 1500 });
    const { id } = await begin(harness, 'retry', {});
    await Promise.all(Array.from({ length: 4 }, () => runBulkActions(harness.engine)));
    expect(await finished(harness, id)).toMatchObject({ processed: 1500, changed: 1500 });
    expect(await countJobs(harness, 'fence = 2')).toBe(1500);
  });
});
