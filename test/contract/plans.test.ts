import { describe, expect, it } from 'vitest';
import { useHarnesses } from '../support/harness.ts';
import { explainHotStatements, fillJobs } from '../support/plans.ts';

describe('what the program does all the time', () => {
  const start = useHarnesses('postgres');

  it('never walks through the table of jobs, however many have finished or wait', async () => {
    const harness = await start([], { isFollower: true });
    const { database } = harness.engine.store;
    await fillJobs(database, { finished: 60_000, queued: 30_000, handedOver: 2000, scheduled: 5000, blocked: 10_000 });
    const plans = await explainHotStatements(database, 100);
    expect(plans.length).toBeGreaterThanOrEqual(21);
    for (const { name, lines } of plans) {
      const walks = lines.filter((line) => /Seq Scan on jobs/.test(line));
      expect(walks, `${name}:\n${lines.join('\n')}`).toEqual([]);
    }
  });

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
