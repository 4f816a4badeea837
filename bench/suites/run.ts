import type { ContestantName } from '../contestants/commands.ts';
import type { Plan } from '../plan.ts';
import { WIDE_WINDOW } from './enqueue.ts';
import type { Figure } from './measurement.ts';
import { chooseJobs, speedOfWork } from './sizes.ts';
import { interleave, type SuiteContext, type SuiteResult } from './suite.ts';

const COMPARED: readonly ContestantName[] = ['bullmq-redis', 'longshore-bullmq', 'longshore-postgres'];
const BULK = 1000;
const QUICK_JOBS = 8000;

/** A backlog of jobs that do nothing, from the start of the first that counts to the confirmed end of the last. */
export function measureRun(context: SuiteContext): Promise<SuiteResult> {
  const cases = context.plan.contestants.flatMap((name) =>
    listConcurrencies(name, context.plan).map((concurrency) => {
      const measure = createMeasure(context, name, concurrency);
      return { name: `${name} at ${concurrency}`, measure };
    }),
  );
  return interleave('run', cases, context);
}

// Each queue where it is fastest; raw BullMQ and Longshore also at the concurrencies that are compared.
function listConcurrencies(name: ContestantName, { isQuick }: Plan): number[] {
  if (name === 'bullmq-redis') return isQuick ? [200, 1000] : [50, 200, 500, 1000];
  if (name === 'longshore-bullmq') return isQuick ? [200, 1000] : [50, 200, 1000];
  if (name === 'longshore-postgres') return isQuick ? [200, 1000] : [50, 200, 1000];
  return [200];
}

/** Who is measured at one concurrency only is so at its best, which is its own affair. */
function nameWork(name: ContestantName, concurrency: number): string {
  return COMPARED.includes(name) ? `concurrency ${concurrency}` : 'at its best';
}

/**
 * A measure whose first call makes a short run more, whose speed decides how many jobs the others have. A quick one takes
 * so many that the fastest have enough; the others are cut off.
 */
function createMeasure(context: SuiteContext, name: ContestantName, concurrency: number): () => Promise<Figure[]> {
  let jobs: number | undefined;
  const measure = (count: number) => measureBacklog(context, name, concurrency, count);
  return async () => {
    jobs ??= context.plan.isQuick
      ? QUICK_JOBS
      : chooseJobs(context.plan, (await measure(context.plan.warmUpJobs))[0]?.sample.value ?? 0);
    return measure(jobs);
  };
}

function measureBacklog(
  { plan, stages }: SuiteContext,
  name: ContestantName,
  concurrency: number,
  jobs: number,
): Promise<Figure[]> {
  return stages.on(name, { environment: WIDE_WINDOW }, async (stage) => {
    const all = plan.warmUpJobs + jobs;
    const producer = await stage.open();
    await producer.call('enqueueBulks', all, BULK, Number.POSITIVE_INFINITY);
    await producer.close();
    const worker = await stage.open();
    const { timing, cpuUs } = await stage.countCpu(async () => {
      await worker.call('startWorker', concurrency);
      const timing = await worker.call('awaitFinished', all, plan.warmUpJobs, plan.runLimitMs);
      return { timing, jobs: plan.warmUpJobs + timing.jobs };
    });
    if (timing.jobs === jobs) await stage.checkFinished(worker);
    const value = speedOfWork(timing);
    return [{ work: nameWork(name, concurrency), subject: name, unit: 'jobs/s', sample: { value, cpuUs } }];
  });
}
