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
    const flow = async (jobs: number) => {
      const sent = await producer.call('enqueueSingles', jobs, CALLERS, plan.runLimitMs);
      // Twice the limit, since what was added within it has to finish.
      const done = await worker.call('awaitFinished', before + sent.jobs, before, plan.runLimitMs * 2);
      before += done.jobs;
      return {
        speed: speedOf(done.jobs, sent.startedAtUs, done.finishedAtUs),
        jobs: done.jobs,
        isWhole: done.jobs === sent.jobs,
      };
    };
    const jobs = chooseJobs(plan, (await flow(plan.warmUpJobs)).speed);
    const { speed, isWhole, cpuUs } = await stage.countCpu(() => flow(jobs));
    if (isWhole) await stage.checkFinished(worker);
    return [{ work: 'finished', subject: name, unit: 'jobs/s', sample: { value: speed, cpuUs } }];
  });
}
