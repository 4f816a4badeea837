import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ScheduleResource } from '../../src/contract/schedules.ts';
import { Random } from '../chaos/random.ts';
import { runSql } from '../support/postgres.ts';
import type { Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { install } from './setup.ts';

const SEED = 20_260_101;
const KILLS = 10;
/** So many due times of each schedule must have happened at the end. */
const DUE_TIMES = 20;

interface Account {
  name: string;
  first: Date;
  due: Date;
  everyMs: number;
  runs: number;
  distinctJobs: number;
  recordedJobs: number;
  others: number;
}

const ACCOUNT = `
  select s.name, s.anchor_at as first, s.next_due_at as due, s.every_ms as "everyMs",
    (select count(*)::integer from longshore.schedule_runs r where r.schedule_id = s.id) as runs,
    (select count(distinct r.job_id)::integer from longshore.schedule_runs r where r.schedule_id = s.id) as "distinctJobs",
    (select count(*)::integer from longshore.jobs j where j.schedule_id = s.id) as "recordedJobs",
    (select count(*)::integer from longshore.schedule_runs r
      where r.schedule_id = s.id and (r.outcome <> 'enqueued'
        or not exists (select 1 from longshore.jobs j where j.id = r.job_id and j.schedule_id = s.id)
        or mod(extract(epoch from r.due_at - s.anchor_at) * 1000, s.every_ms) <> 0)) as others
  from longshore.schedules s
  order by s.name`;

describe('schedules of three processes that are killed at random', () => {
  it('have exactly one run and one job for each due time: none twice, none missing', async () => {
    const installation = await install({ settings: { SHUTDOWN_TIMEOUT_MS: '1000' } });
    const random = new Random(SEED);
    const first = await installation.start();
    const programs: Program[] = [first, installation.launch(), installation.launch()];
    for (const [index, everyMs] of [1000, 1000, 1000, 1500, 2000].entries()) {
      const json = { name: `schedule ${index}`, type: 'test:echo', input: 1, everyMs, catchUp: 'all' };
      expect((await first.call<ScheduleResource>('/v1/schedules', { json })).status).toBe(201);
    }
    const read = () => runSql<Account>(installation.settings.DATABASE_URL ?? '', ACCOUNT);
    for (let kill = 0; kill < KILLS; kill += 1) {
      await sleep(random.between(200, 1400)); // moments of which nothing is known is what this is about
      const place = random.between(0, programs.length - 1);
      await programs[place]?.stop('SIGKILL');
      programs[place] = installation.launch();
    }
    const isDone = async () => {
      const accounts = await read();
      return accounts.every(({ runs, everyMs }) => runs >= (DUE_TIMES * 1000) / everyMs);
    };
    await waitFor(isDone, { describe: `${DUE_TIMES} s of due times have happened`, timeoutMs: 40_000 });
    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    for (const { first: anchor, due, everyMs, ...account } of await read()) {
      const expected = (due.getTime() - anchor.getTime()) / everyMs - 1;
      expect(account).toEqual({
        ...{ name: account.name, runs: expected, distinctJobs: expected, recordedJobs: expected, others: 0 },
      });
    }
  }, 90_000);
});
