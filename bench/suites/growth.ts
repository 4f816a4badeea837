import type { Plan } from '../plan.ts';
import { addSingles } from './enqueue.ts';
import { addFinishedJobs, countOldJobs } from './fill-table.ts';
import { type LongshoreName, longshoreNames } from './http.ts';
import type { Figure } from './measurement.ts';
import { speedOfAnswers, speedOfWork } from './sizes.ts';
import type { Stage, StageOptions, Stages } from './stage.ts';
import { addWhileWorking, STEADY_CONCURRENCY } from './steady.ts';
import { type Case, interleave, type SuiteContext, type SuiteResult } from './suite.ts';

/** The backlog that `enqueue` left has to be gone before `steady`. */
const DRAIN_MS = 60_000;

/** What millions of finished jobs in the table cost, and what it costs to delete them meanwhile. */
export async function measureGrowth(context: SuiteContext): Promise<SuiteResult> {
  const { plan, stages, endsAtMs, report } = context;
  const names = longshoreNames.filter((name) => plan.contestants.includes(name));
  if (names.length === 0) return { measurements: [], failures: [] };
  if (performance.now() > endsAtMs) return { measurements: [], failures: ['growth: the time was over before it'] };
  report(`growth: making ${plan.grownRows.toLocaleString('en-US')} finished jobs`);
  const template = await createFullDatabase(stages, plan.grownRows);
  const tables: Record<string, StageOptions> = {
    'empty table': {},
    'full table': { template },
    'retention deletes': {
      template,
      environment: { RETENTION_COMPLETED_DAYS: '1' }, // everything that was added is old enough then
      check: (url) => checkDeleted(url, plan.grownRows),
    },
  };
  const cases: Case[] = names.flatMap((name) =>
    Object.entries(tables).map(([table, options]) => ({
      name: `${name}, ${table}`,
      measure: () => stages.on(name, options, (stage) => measureTable(plan, stage, name, table)),
    })),
  );
  const result = await interleave('growth', cases, context);
  await stages.servers.postgres.drop(template);
  return result;
}

/** One after the other in the same processes: add jobs, run this backlog, then both at once. */
async function measureTable(plan: Plan, stage: Stage, subject: LongshoreName, table: string): Promise<Figure[]> {
  const [producer, worker] = await Promise.all([stage.open(), stage.open()]);
  const added = await addSingles(plan, stage, producer);
  const backlog = added.warmUpJobs + added.timing.jobs;
  const { run, cpuUs } = await stage.countCpu(async () => {
    await worker.call('startWorker', STEADY_CONCURRENCY);
    return { run: await worker.call('awaitFinished', backlog, added.warmUpJobs, DRAIN_MS), jobs: backlog };
  });
  const steady = await addWhileWorking(plan, stage, { producer, worker, finishedBefore: backlog });
  const samples = {
    enqueue: { value: speedOfAnswers(added.timing), cpuUs: added.cpuUs },
    run: { value: speedOfWork(run), cpuUs },
    steady,
  };
  return Object.entries(samples).map(([work, sample]) => {
    return { work: `${work}, ${table}`, subject, unit: 'jobs/s', sample };
  });
}

async function checkDeleted(url: string, rows: number): Promise<void> {
  const left = await countOldJobs(url);
  if (left === rows) throw new Error('retention has not deleted anything meanwhile');
  if (left === 0) throw new Error('retention had deleted everything before the end');
}

/** A database that holds finished jobs, to be copied for each run. */
async function createFullDatabase(stages: Stages, rows: number): Promise<string> {
  const database = await stages.createDatabase('longshore-postgres');
  await stages.on('longshore-postgres', { database }, async (stage) => {
    const process = await stage.open();
    await process.call('enqueueBulks', 2, 2, DRAIN_MS);
    await process.call('startWorker', 1);
    await process.call('awaitFinished', 2, 0, DRAIN_MS);
  });
  await addFinishedJobs(stages.servers.postgres.urlOf(database), rows);
  return database;
}
