import type { ContestantCommands, ContestantName } from '../contestants/commands.ts';
import type { Plan } from '../plan.ts';
import type { RemoteProcess } from '../processes/remote-process.ts';
import { CALLERS } from './enqueue.ts';
import type { Figure, Sample } from './measurement.ts';
import { chooseJobs, speedOf } from './sizes.ts';
import type { Stage } from './stage.ts';
import { interleave, type SuiteContext, type SuiteResult } from './suite.ts';

export const STEADY_CONCURRENCY = 200;

/** 200 callers in one process and one worker process: from the first call to the confirmed end of the last job. */
export function measureSteady(context: SuiteContext): Promise<SuiteResult> {
  const cases = context.plan.contestants.map((name) => ({ name, measure: () => measureFlow(context, name) }));
  return interleave('steady', cases, context);
}

function measureFlow({ plan, stages }: SuiteContext, name: ContestantName): Promise<Figure[]> {
  return stages.on(name, {}, async (stage) => {
    const [producer, worker] = await Promise.all([stage.open(), stage.open()]);
    await worker.call('startWorker', STEADY_CONCURRENCY);
    const sample = await addWhileWorking(plan, stage, { producer, worker, finishedBefore: 0 });
    return [{ work: 'finished', subject: name, unit: 'jobs/s', sample }];
  });
}

export interface Flow {
  producer: RemoteProcess<ContestantCommands>;
  worker: RemoteProcess<ContestantCommands>;
  /** Jobs that the worker has finished so far; none waits. */
  finishedBefore: number;
}

export async function addWhileWorking(
  plan: Plan,
  stage: Stage,
  { producer, worker, finishedBefore }: Flow,
): Promise<Sample> {
  let finished = finishedBefore;
  const flow = async (jobs: number) => {
    const sent = await producer.call('enqueueSingles', jobs, CALLERS, plan.runLimitMs);
    // Twice the limit, since what was added within it has to finish.
    const done = await worker.call('awaitFinished', finished + sent.jobs, finished, plan.runLimitMs * 2);
    finished += done.jobs;
    const speed = speedOf(done.jobs, sent.startedAtUs, done.finishedAtUs);
    return { speed, jobs: done.jobs, isWhole: done.jobs === sent.jobs };
  };
  const jobs = chooseJobs(plan, (await flow(plan.warmUpJobs)).speed);
  const { speed, isWhole, cpuUs } = await stage.countCpu(() => flow(jobs));
  if (isWhole) await stage.checkFinished(worker);
  return { value: speed, cpuUs };
}
