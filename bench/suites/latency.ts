import type { ContestantName } from '../contestants/commands.ts';
import { findPercentile } from '../report/statistics.ts';
import type { Figure } from './measurement.ts';
import { interleave, type SuiteContext, type SuiteResult } from './suite.ts';

const JOBS_PER_SECOND = 100;
const CONCURRENCY = 20;
/** Those that goals name. */
const GOALS: readonly ContestantName[] = ['bullmq-redis', 'longshore-bullmq', 'longshore-postgres', 'graphile-worker'];
const PERCENTILES = [50, 99];

/** 100 jobs a second on an idle machine: from the call that enqueues a job to the first line of its handler. */
export function measureLatency(context: SuiteContext): Promise<SuiteResult> {
  const { contestants, isQuick } = context.plan;
  const compared = isQuick ? contestants.filter((name) => GOALS.includes(name)) : contestants;
  const cases = compared.map((name) => ({ name, measure: () => measureDelay(context, name) }));
  return interleave('latency', cases, context);
}

function measureDelay({ plan, stages }: SuiteContext, name: ContestantName): Promise<Figure[]> {
  return stages.on(name, { profile: 'latency' }, async (stage) => {
    const [producer, worker] = await Promise.all([stage.open(), stage.open()]);
    await worker.call('startWorker', CONCURRENCY);
    const warmUpJobs = JOBS_PER_SECOND;
    const jobs = (plan.latencyMs * JOBS_PER_SECOND) / 1000;
    await producer.call('enqueueAtRate', warmUpJobs, JOBS_PER_SECOND);
    await worker.call('awaitFinished', warmUpJobs, 0, plan.runLimitMs * 2);
    await worker.call('takeLatencies');
    const { cpuUs } = await stage.countCpu(async () => {
      await producer.call('enqueueAtRate', jobs, JOBS_PER_SECOND);
      return worker.call('awaitFinished', warmUpJobs + jobs, warmUpJobs, plan.runLimitMs * 2);
    });
    await stage.checkFinished(worker);
    const sorted = (await worker.call('takeLatencies')).toSorted((a, b) => a - b);
    return PERCENTILES.map((percent) => {
      const sample = { value: findPercentile(sorted, percent), cpuUs };
      return { work: `p${percent}`, subject: name, unit: 'ms', sample };
    });
  });
}
