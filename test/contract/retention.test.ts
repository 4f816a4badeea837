import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { JobStatus } from '../../src/contract/job.ts';
import { removeExpiredJobs } from '../../src/engine/upkeep/retention.ts';
import { defineJob } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const noop = defineJob({ type: 'noop:job', input: z.null(), run: () => null });
const DEFAULTS = { completedDays: 7, failedDays: 30 };

/** Puts a job into the record that ended so many days ago. */
async function makeEnded(harness: Harness, status: JobStatus, days: number, count = 1): Promise<string> {
  const [row] = await harness.sql<{ id: string }>(
    `insert into longshore.jobs (id, tenant, type, queue, status, reason, error, input, max_attempts, timeout_ms, finished_at)
     select gen_random_uuid(), 'default', 'noop:job', 'noop', $1, case when $1 = 'failed' then 'timeout' end,
       case when $1 = 'failed' then '{"name": "Error", "message": "out", "attempt": 1}'::jsonb end,
       'null', 1, 1000, now() - $2::float8 * interval '1 day'
     from generate_series(1, $3)
     returning id`,
    [status, days, count],
  );
  return row?.id ?? '';
}

async function left(harness: Harness): Promise<string[]> {
  return (await harness.sql<{ id: string }>('select id from longshore.jobs order by id')).map(({ id }) => id);
}

describe('retention', () => {
  const start = useHarnesses('postgres');
  /** Does not remove anything by itself. */
  const startKeeping = (settings = {}) =>
    start([noop], { settings: { RETENTION_COMPLETED_DAYS: '0', RETENTION_FAILED_DAYS: '0', ...settings } });

  it('removes each kind of ended job after its time, and no other', async () => {
    const harness = await startKeeping();
    for (const status of ['completed', 'cancelled', 'expired'] as const) await makeEnded(harness, status, 7.01);
    await makeEnded(harness, 'failed', 30.01);
    const kept = [
      await makeEnded(harness, 'completed', 6.9),
      await makeEnded(harness, 'failed', 29.9),
      (await harness.enqueue(noop, null, { delayMs: 600_000 })).id,
    ];
    await removeExpiredJobs(harness.engine, DEFAULTS);
    expect(await left(harness)).toEqual(kept.sort());
    expect(harness.lines().filter(({ message }) => message.startsWith('removed'))).toMatchObject([
      { message: expect.stringContaining('more than 7 days ago (RETENTION_COMPLETED_DAYS)'), removed: 3 },
      { message: expect.stringContaining('more than 30 days ago (RETENTION_FAILED_DAYS)'), removed: 1 },
    ]);
  });

  it('keeps everything for ever with 0', async () => {
    const harness = await startKeeping();
    await makeEnded(harness, 'completed', 4000);
    await makeEnded(harness, 'failed', 4000);
    await removeExpiredJobs(harness.engine, { completedDays: 0, failedDays: 0 });
    expect(await left(harness)).toHaveLength(2);
  });

  it('keeps a job whose webhook is still to be sent, and removes it after that', async () => {
    const harness = await startKeeping();
    const id = await makeEnded(harness, 'completed', 100);
    await harness.sql(
      `insert into longshore.webhook_deliveries (id, job_id, event, url, body, next_try_at)
       values ($1, $2, 'job.completed', 'http://127.0.0.1:9/', '{}', now() + interval '1 day')`,
      [createId(), id],
    );
    await removeExpiredJobs(harness.engine, DEFAULTS);
    expect(await left(harness)).toEqual([id]);
    await harness.sql(`update longshore.webhook_deliveries set status = 'failed', next_try_at = null`);
    await removeExpiredJobs(harness.engine, DEFAULTS);
    expect(await left(harness)).toEqual([]);
    expect(await harness.sql('select 1 from longshore.webhook_deliveries')).toEqual([]);
  });

  it('works in batches, and steps round a row that somebody works on', async () => {
    const harness = await startKeeping();
    await makeEnded(harness, 'completed', 10, 600);
    const held = await makeEnded(harness, 'completed', 20);
    const client = await harness.engine.store.database.connect();
    try {
      await client.query('begin');
      await client.query('select 1 from longshore.jobs where id = $1 for update', [held]);
      const soonMs = await removeExpiredJobs(harness.engine, DEFAULTS);
      expect(await left(harness)).toHaveLength(101);
      expect(await removeExpiredJobs(harness.engine, DEFAULTS)).toBeGreaterThan(soonMs);
      expect(await left(harness)).toEqual([held]);
    } finally {
      await client.end();
    }
  });

  it('removes bulk actions that finished more than 30 days ago', async () => {
    const harness = await startKeeping();
    const make = (status: string, days: number) =>
      harness.sql(
        `insert into longshore.bulk_actions (id, action, filter, status, matched, finished_at)
         values ($1, 'retry', '{}', $2, 0, now() - $3::float8 * interval '1 day')`,
        [createId(), status, days],
      );
    await make('completed', 31);
    await make('aborted', 31);
    await make('completed', 29);
    await removeExpiredJobs(harness.engine, DEFAULTS);
    expect(await harness.sql('select status from longshore.bulk_actions')).toEqual([{ status: 'completed' }]);
  });

  it('goes by itself, as the settings say', async () => {
    const harness = await startKeeping({ LEADER_LEASE_MS: '600000' });
    await makeEnded(harness, 'completed', 2);
    const kept = await makeEnded(harness, 'failed', 2);
    const takeLease = async () => (await harness.sql('delete from longshore.leases returning name')).length > 0;
    await waitFor(takeLease, { describe: 'the first process leads' }); // the next one will
    const next = await start([noop], { beside: harness, settings: { RETENTION_COMPLETED_DAYS: '1' } });
    await waitFor(async () => (await left(next)).length === 1, { describe: 'the completed job is gone' });
    expect(await left(next)).toEqual([kept]);
  });
});
