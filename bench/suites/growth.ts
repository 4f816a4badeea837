import { measureSingles, WIDE_WINDOW } from './enqueue.ts';
import { addFinishedJobs, countOldJobs } from './fill-table.ts';
import { type LongshoreName, longshoreNames } from './http.ts';
import type { Figure } from './measurement.ts';
import { createRunMeasure } from './run.ts';
import type { StageOptions, Stages } from './stage.ts';
import { measureFlow } from './steady.ts';
import { type Case, interleave, type SuiteContext, type SuiteResult } from './suite.ts';

const CONCURRENCY = 200;
/** Everything that was added is old enough then, and goes batch by batch. */
const DELETING = { RETENTION_COMPLETED_DAYS: '1' };

interface Table {
  name: 'empty table' | 'full table' | 'retention deletes';
  template: string | undefined;
  environment: Record<string, string>;
}

/** What millions of finished jobs in the table cost, and what it costs to delete them meanwhile. */
export async function measureGrowth(context: SuiteContext): Promise<SuiteResult> {
  const { plan, stages, endsAtMs, report } = context;
  const names = longshoreNames.filter((name) => plan.contestants.includes(name));
  if (names.length === 0) return { measurements: [], failures: [] };
  if (performance.now() > endsAtMs) return { measurements: [], failures: ['growth: the time was over before it'] };
  report(`growth: making ${plan.grownRows.toLocaleString('en-US')} finished jobs`);
  const full = await createFullDatabase(stages, plan.grownRows);
  const tables: Table[] = [
    { name: 'empty table', template: undefined, environment: {} },
    { name: 'full table', template: full, environment: {} },
    { name: 'retention deletes', template: full, environment: DELETING },
  ];
  const result = await interleave(
    'growth',
    names.flatMap((name) => listCases(context, name, tables)),
    context,
  );
  await stages.servers.postgres.drop(full);
  return result;
}

function listCases(context: SuiteContext, name: LongshoreName, tables: readonly Table[]): Case[] {
  const works: [work: string, environment: Record<string, string>, make: (options: StageOptions) => Case['measure']][] =
    [
      ['enqueue', WIDE_WINDOW, (options) => () => measureSingles(context, name, options)],
      ['run', {}, (options) => createRunMeasure(context, name, CONCURRENCY, options)],
      ['steady', {}, (options) => () => measureFlow(context, name, options)],
    ];
  return works.flatMap(([work, environment, make]) =>
    tables.map((table) => {
      const options: StageOptions = {
        environment: { ...environment, ...table.environment },
        ...(table.template === undefined ? {} : { template: table.template }),
        ...(table.name === 'retention deletes' ? { check: checkDeleted(context.plan.grownRows) } : {}),
      };
      const measure = make(options);
      const label = `${work}, ${table.name}`;
      return { name: `${name}: ${label}`, measure: async (round) => relabel(await measure(round), label) };
    }),
  );
}

/** Each kind of work has one figure that counts here, its first. */
function relabel([figure]: readonly Figure[], work: string): Figure[] {
  return figure ? [{ ...figure, work }] : [];
}

function checkDeleted(rows: number): (url: string) => Promise<void> {
  return async (url) => {
    const left = await countOldJobs(url);
    if (left === rows) throw new Error('retention has not deleted anything meanwhile');
    if (left === 0) throw new Error('retention had deleted everything before the end');
  };
}

/** A database that holds finished jobs, to be copied for each run. */
async function createFullDatabase(stages: Stages, rows: number): Promise<string> {
  const database = await stages.createDatabase('longshore-postgres');
  await stages.on('longshore-postgres', { database }, async (stage) => {
    const process = await stage.open();
    await process.call('enqueueBulks', 2, 2, Number.POSITIVE_INFINITY);
    await process.call('startWorker', 1);
    await process.call('awaitFinished', 2, 0, 10_000);
  });
  await addFinishedJobs(stages.servers.postgres.urlOf(database), rows);
  return database;
}
