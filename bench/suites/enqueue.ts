import type { ContestantCommands, ContestantName, EnqueueTiming } from '../contestants/commands.ts';
import type { Plan } from '../plan.ts';
import type { RemoteProcess } from '../processes/remote-process.ts';
import type { CpuTimes } from '../servers/cpu.ts';
import type { Figure } from './measurement.ts';
import { chooseJobs, speedOf, speedOfAnswers } from './sizes.ts';
import type { Stage } from './stage.ts';
import { interleave, type SuiteContext, type SuiteResult } from './suite.ts';

export const CALLERS = 200;
/** Every job is handed to BullMQ, or the comparison with BullMQ would be with half of its work. */
export const WIDE_WINDOW = { DISPATCH_WINDOW: '1000000' };

/** 200 callers that add one job after another, each waiting for the answer. No worker runs. */
export function measureEnqueue(context: SuiteContext): Promise<SuiteResult> {
  const cases = context.plan.contestants.map((name) => ({ name, measure: () => measureSingles(context, name) }));
  return interleave('enqueue', cases, context);
}

function measureSingles({ plan, stages }: SuiteContext, name: ContestantName): Promise<Figure[]> {
  return stages.on(name, { environment: WIDE_WINDOW }, async (stage) => {
    const { timing, cpuUs } = await addSingles(plan, stage, await stage.open());
    const answered = { value: speedOfAnswers(timing), cpuUs };
    const figures: Figure[] = [{ work: 'answered', subject: name, unit: 'jobs/s', sample: answered }];
    if (name !== 'longshore-bullmq') return figures;
    const handedOver = { value: speedOf(timing.jobs, timing.startedAtUs, timing.settledAtUs) };
    return [...figures, { work: 'handed over', subject: name, unit: 'jobs/s', sample: handedOver }];
  });
}

export interface AddedJobs {
  /** Those that only warmed up. */
  warmUpJobs: number;
  timing: EnqueueTiming;
  cpuUs: CpuTimes | undefined;
}

/** @throws an Error when the store holds fewer jobs than it accepted */
export async function addSingles(
  plan: Plan,
  stage: Stage,
  producer: RemoteProcess<ContestantCommands>,
): Promise<AddedJobs> {
  const add = (jobs: number) => producer.call('enqueueSingles', jobs, CALLERS, plan.runLimitMs);
  const warmUp = await add(plan.warmUpJobs);
  const { cpuUs, ...timing } = await stage.countCpu(() => add(chooseJobs(plan, speedOfAnswers(warmUp))));
  const accepted = warmUp.jobs + timing.jobs;
  const held = await producer.call('countUnfinished');
  if (held < accepted) throw new Error(`${producer.name} has ${held} of ${accepted} jobs that it accepted`);
  return { warmUpJobs: warmUp.jobs, timing, cpuUs };
}
