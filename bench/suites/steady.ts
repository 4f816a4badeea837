import type { ContestantName } from '../contestants/commands.ts';
import { CALLERS } from './enqueue.ts';
import type { Figure } from './measurement.ts';
import { chooseJobs, speedOf } from './sizes.ts';
import type { StageOptions } from './stage.ts';
import { interleave, type SuiteContext, type SuiteResult } from './suite.ts';

const CONCURRENCY = 200;

/** 200 callers in one process and one worker process: from the first call to the confirmed end of the last job. */
export function measureSteady(context: SuiteContext): Promise<SuiteResult> {
  const cases = context.plan.contestants.map((name) => ({ name, measure: () => measureFlow(context, name, {}) }));
  return interleave('steady', cases, context);
}

export function measureFlow(
  { plan, stages }: SuiteContext,
  name: ContestantName,
  options: StageOptions,
): Promise<Figure[]> {
  return stages.on(name, options, async (stage) => {
    const [producer, worker] = await Promise.all([stage.open(), stage.open()]);
    await worker.call('startWorker', CONCURRENCY);
    let before = 0;
    // Twice the limit, since what was added within it has to finish.
    const flow = async (jobs: number) => {
      const sending = producer.call('enqueueSingles', jobs, CALLERS, plan.runLimitMs);
      const working = worker.call('awaitFinished', before + jobs, before, plan.runLimitMs * 2);
      const [sent, done] = await Promise.all([sending, working]);
      if (sent.jobs === jobs && done.jobs === jobs) before += jobs;
      else if (before === 0) throw new Error(`of ${jobs} jobs to warm up ${done.jobs} have finished in time`);
      return { value: speedOf(done.jobs, sent.startedAtUs, done.finishedAtUs), jobs: done.jobs };
    };
    const jobs = chooseJobs(plan, (await flow(plan.warmUpJobs)).value);
    const { value, cpuUs } = await stage.countCpu(() => flow(jobs));
    if (before > jobs) await stage.checkFinished(worker);
    return [{ work: 'finished', subject: name, unit: 'jobs/s', sample: { value, cpuUs } }];
  });
}
