import type { EnqueueTiming, WorkTiming } from '../contestants/commands.ts';
import type { Plan } from '../plan.ts';

const MIN_JOBS = 500;
const MAX_JOBS = 200_000;

/** How many jobs make a run that is long enough, after the speed that the warm-up had. */
export function chooseJobs(plan: Pick<Plan, 'runMs'>, jobsPerSecond: number): number {
  const jobs = (jobsPerSecond * plan.runMs) / 1000;
  return Math.min(MAX_JOBS, Math.max(MIN_JOBS, Math.ceil(jobs / 500) * 500));
}

/** Jobs per second. */
export function speedOf(jobs: number, fromUs: number, toUs: number): number {
  return (jobs * 1_000_000) / (toUs - fromUs);
}

export function speedOfAnswers({ jobs, startedAtUs, answeredAtUs }: EnqueueTiming): number {
  return speedOf(jobs, startedAtUs, answeredAtUs);
}

/** @throws an Error when nothing has finished in time */
export function speedOfWork({ jobs, startedAtUs, finishedAtUs }: WorkTiming): number {
  if (!(jobs > 0)) throw new Error('no job has finished in time');
  return speedOf(jobs, startedAtUs, finishedAtUs);
}
