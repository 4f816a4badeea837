import { describe, expect, it } from 'vitest';
import type { JobFilter } from '../../src/contract/filter.ts';
import { useHarnesses } from '../support/harness.ts';
import { makeNewJob } from '../support/new-job.ts';
import { explainHotStatements, explainSearch, fillJobs } from '../support/plans.ts';

describe('what the program does all the time', () => {
  const start = useHarnesses('postgres');

  it('never walks through the table of jobs, however many have finished or wait', async () => {
    const harness = await start([], { isFollower: true });
    const { database } = harness.engine.store;
    await fillJobs(database, { finished: 60_000, queued: 30_000, handedOver: 2000, scheduled: 5000, blocked: 10_000 });
    const plans = await explainHotStatements(database, 100);
    expect(plans.length).toBeGreaterThanOrEqual(20);
    for (const { name, lines } of plans) {
      const walks = lines.filter((line) => /Seq Scan on jobs/.test(line));
      expect(walks, `${name}:\n${lines.join('\n')}`).toEqual([]);
    }
  });

  it('starts deliveries without a look at each job for each of them, also before there are statistics', async () => {
    const harness = await start([], { isFollower: true });
    const { database, jobs } = harness.engine.store;
    const changes = { type: 'type 1', queue: 'queue 1', isHandedOver: true };
    for (let round = 0; round < 5; round += 1) {
      await jobs.insert(Array.from({ length: 1000 }, () => makeNewJob(changes)));
    }
    const plans = await explainHotStatements(database, 40);
    const lines = plans.filter(({ name }) => name === 'start deliveries (BullMQ)').flatMap((plan) => plan.lines);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toMatch(/Join Filter: .*\(s\.id = j\.id\)/);
  });

  it('finds jobs by the index of searches and by the primary key, whatever the filter', async () => {
    const harness = await start([], { isFollower: true });
    const { database, searchIndex } = harness.engine.store;
    await fillJobs(database, { finished: 60_000, queued: 20_000, handedOver: 2000, scheduled: 8000, blocked: 0 });
    while ((await searchIndex.indexNoted(1)) > 0);
    await database.query('analyze');
    const filters: JobFilter[] = [
      { type: 'type 7' },
      { type: 'none' },
      { queue: 'queue 1', tenant: 'tenant 1' },
      { tag: ['none'], status: ['completed'] },
      { 'input.n': '1' },
      { 'metadata.n': '1', createdBefore: '2020-01-01T00:00:00Z' },
      { q: 'typ' },
      { fingerprint: 'f1' },
    ];
    for (const filter of filters) {
      const { candidates, jobs } = await explainSearch(database, filter);
      const plan = [...candidates, ...jobs].join('\n');
      expect(candidates.join('\n'), plan).toContain('Bitmap Index Scan on search_chunks_terms');
      expect(plan).not.toMatch(/Seq Scan on (jobs|search_chunks)/);
      expect(new Set(jobs.flatMap((line) => /using (jobs_\w+)/.exec(line)?.[1] ?? [])), plan).toEqual(
        new Set(['jobs_pkey']),
      );
    }
  }, 120_000);

  it('finds the jobs of a batch by the primary key, not among all that run or wait', async () => {
    const harness = await start([], { isFollower: true });
    const { database } = harness.engine.store;
    await fillJobs(database, { finished: 20_000, queued: 20_000, handedOver: 1000, scheduled: 100, blocked: 100 });
    const plans = await explainHotStatements(database, 100);
    const byKey = ['give jobs back that were claimed ahead', 'start deliveries (BullMQ)', 'end runs that completed'];
    for (const name of [...byKey, 'end runs in any other way']) {
      const used = plans
        .filter((plan) => plan.name === name)
        .flatMap(({ lines }) => lines.flatMap((line) => /using (jobs_\w+)|Scan on (jobs_\w+)/.exec(line)?.[1] ?? []));
      expect(new Set(used), name).toEqual(new Set(['jobs_pkey']));
    }
  });

  it('meets no job that waits for others of its key when it takes jobs, however many they are', async () => {
    const harness = await start([], { isFollower: true });
    const { database } = harness.engine.store;
    await fillJobs(database, { finished: 20_000, queued: 100, handedOver: 100, scheduled: 100, blocked: 10_000 });
    await database.query(`delete from longshore.jobs where concurrency_key is not null and gate is null`);
    const plans = await explainHotStatements(database, 100);
    const taking = plans.filter(({ name }) => /^(claim jobs|take from the backlog)/.test(name));
    expect(taking.length).toBeGreaterThanOrEqual(4);
    for (const { name, lines } of taking) {
      const used = lines
        .flatMap((line) => /using (jobs_\w+)|Scan on (jobs_\w+)/.exec(line)?.slice(1) ?? [])
        .filter(Boolean);
      const allowed = ['jobs_backlog', 'jobs_pkey', 'jobs_in_flight', 'jobs_handed_over'];
      expect(
        used.filter((index) => !allowed.includes(index ?? '')),
        `${name}:\n${lines.join('\n')}`,
      ).toEqual([]);
    }
  });
});
