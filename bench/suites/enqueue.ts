import type { ContestantName } from '../contestants/commands.ts';
import type { Figure } from './measurement.ts';
import { chooseJobs, speedOf, speedOfAnswers } from './sizes.ts';
import type { StageOptions } from './stage.ts';
import { interleave, type SuiteContext, type SuiteResult } from './suite.ts';

export const CALLERS = 200;
/** Every job is handed to BullMQ, or the comparison with BullMQ would be with half of its work. */
export const WIDE_WINDOW = { DISPATCH_WINDOW: '1000000' };

/** 200 callers that add one job after another, each waiting for the answer. No worker runs. */
export function measureEnqueue(context: SuiteContext): Promise<SuiteResult> {
  const cases = context.plan.contestants.map((name) => ({
    name,
    measure: () => measureSingles(context, name, { environment: WIDE_WINDOW }),
  }));
  return interleave('enqueue', cases, context);
}

export function measureSingles(
  { plan, stages }: SuiteContext,
  name: ContestantName,
  options: StageOptions,
): Promise<Figure[]> {
  return stages.on(name, options, async (stage) => {
    const producer = await stage.open();
    const heldBefore = await producer.call('countUnfinished');
    const warmUp = await producer.call('enqueueSingles', plan.warmUpJobs, CALLERS, plan.runLimitMs);
    const jobs = chooseJobs(plan, speedOfAnswers(warmUp));
    const timing = await stage.countCpu(() => producer.call('enqueueSingles', jobs, CALLERS, plan.runLimitMs));
    const added = (await producer.call('countUnfinished')) - heldBefore;
    if (added < warmUp.jobs + timing.jobs) throw new Error(`${name} has only ${added} of the jobs that it accepted`);
    const figures: Figure[] = [
      {
        work: 'answered',
        subject: name,
        unit: 'jobs/s',
        sample: { value: speedOfAnswers(timing), cpuUs: timing.cpuUs },
      },
    ];
    if (name !== 'longshore-bullmq') return figures;
    const handedOver = speedOf(timing.jobs, timing.startedAtUs, timing.settledAtUs);
    return [...figures, { work: 'handed over', subject: name, unit: 'jobs/s', sample: { value: handedOver } }];
  });
}
