import type { ContestantName } from '../contestants/commands.ts';
import { measureHttpBulks } from './bulk-http.ts';
import { longshoreNames } from './http.ts';
import type { Figure } from './measurement.ts';
import { chooseJobs, speedOfAnswers } from './sizes.ts';
import { type Case, interleave, type SuiteContext, type SuiteResult } from './suite.ts';

const BULK = 1000;
/** Beyond the window jobs are rows only; the rest of the bulk waits in PostgreSQL. */
const NARROW_WINDOW = { DISPATCH_WINDOW: '1' };

/** One caller that adds bulks of 1,000, one after the other. No worker runs. */
export function measureBulk(context: SuiteContext): Promise<SuiteResult> {
  const { contestants } = context.plan;
  const cases: Case[] = contestants.map((name) => ({ name, measure: () => measureBulks(context, name) }));
  const overHttp = longshoreNames
    .filter((name) => contestants.includes(name))
    .map((name) => ({ name: `${name} over HTTP`, measure: () => measureHttpBulks(context, name, NARROW_WINDOW) }));
  return interleave('bulk', [...cases, ...overHttp], context);
}

function measureBulks({ plan, stages }: SuiteContext, name: ContestantName): Promise<Figure[]> {
  return stages.on(name, { environment: NARROW_WINDOW }, async (stage) => {
    const producer = await stage.open();
    const add = (jobs: number) => producer.call('enqueueBulks', Math.ceil(jobs / BULK) * BULK, BULK, plan.runLimitMs);
    const warmUp = await add(plan.warmUpJobs);
    const timing = await stage.countCpu(() => add(chooseJobs(plan, speedOfAnswers(warmUp))));
    const held = await producer.call('countUnfinished');
    if (held < warmUp.jobs + timing.jobs) throw new Error(`${name} has only ${held} of the jobs that it accepted`);
    const sample = { value: speedOfAnswers(timing), cpuUs: timing.cpuUs };
    return [{ work: 'bulks of 1,000', subject: name, unit: 'jobs/s', sample }];
  });
}
