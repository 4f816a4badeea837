import { describe, expect, it } from 'vitest';
import { useHarnesses } from '../support/harness.ts';
import { fillJobs } from '../support/plans.ts';

describe('counts of a large record', () => {
  const start = useHarnesses('postgres');

  it('are exact for what has not completed, end at 10,000, and estimate what has', async () => {
    const harness = await start([], { isFollower: true });
    const { database, overview } = harness.engine.store;
    await fillJobs(database, { finished: 20_000, queued: 15_000, handedOver: 500, scheduled: 400, blocked: 0 });
    await harness.sql(`update longshore.jobs set queue = 'queue 1' where status = 'queued'`);
    await harness.sql('analyze longshore.jobs');
    const queues = new Map((await overview.queues('all')).map((queue) => [queue.name, queue]));
    expect(queues.get('queue 1')?.counts).toMatchObject({ queued: 10_000, scheduled: 40, processing: 5, failed: 5 });
    expect(queues.get('queue 2')?.counts).toMatchObject({ scheduled: 40, processing: 5, failed: 5 });
    expect(queues.get('queue 1')?.oldestWaitMs).toBeGreaterThanOrEqual(14_000);
    const completed = queues.get('queue 2')?.counts.completed;
    expect(completed).toBeGreaterThan(1500);
    expect(completed).toBeLessThan(2500);
    expect((await overview.totals('all')).counts).toMatchObject({ queued: 10_000, scheduled: 400, failed: 50 });
    const [own] = await harness.sql<{ count: number }>(
      `select count(*)::integer as count from longshore.jobs where tenant = 'tenant 3' and status = 'queued'`,
    );
    const ofTenant = await overview.totals({ tenant: 'tenant 3' });
    expect(ofTenant.counts).toMatchObject({ queued: own?.count, scheduled: 20 });
    expect(await overview.totals({ tenant: 'nobody' })).toMatchObject({ counts: {}, completedLastMinute: 0 });
  }, 60_000);

  it('show each kind of failures, with at most a thousand of them', async () => {
    const harness = await start([], { isFollower: true });
    const { database, deadLetters } = harness.engine.store;
    await fillJobs(database, { finished: 0, queued: 2500, handedOver: 0, scheduled: 0, blocked: 0 });
    await harness.sql(
      `update longshore.jobs
       set status = 'failed',
         reason = 'timeout',
         error = '{"name": "Error", "message": "no luck"}',
         finished_at = run_at,
         fingerprint = case when tenant = 'tenant 3' then 'rare' else 'often' end
       where status = 'queued'`,
    );
    const groups = await deadLetters.groups('all', {}, 10, undefined);
    expect(groups.map(({ fingerprint, count, countIsCapped }) => ({ fingerprint, count, countIsCapped }))).toEqual(
      expect.arrayContaining([
        { fingerprint: 'often', count: 1000, countIsCapped: true },
        { fingerprint: 'rare', count: 125, countIsCapped: false },
      ]),
    );
    const own = await deadLetters.groups({ tenant: 'tenant 3' }, {}, 10, undefined);
    expect(own.map(({ fingerprint }) => fingerprint).filter((name) => name !== 'none')).toEqual(['rare']);
    expect(await deadLetters.groups('all', { type: 'type 3', fingerprint: 'rare' }, 10, undefined)).toHaveLength(1);
  });
});
