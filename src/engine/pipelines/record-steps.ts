import type { JobRow } from '../../store/job-row.ts';
import type { RunKey } from '../../store/jobs.ts';
import type { NewStep } from '../../store/pipelines.ts';
import type { Engine } from '../engine.ts';
import type { PreparedJob } from '../record-jobs.ts';

/** Calls that a run of a pipeline makes, with their jobs. */
export interface StepCalls {
  steps: readonly NewStep[];
  jobs: readonly PreparedJob[];
}

/**
 * Commits calls of a pipeline and hands over their jobs. It may be called again, in case its answer was lost.
 * @param seen how much had been settled when the run read the record last
 * @returns false when the run is no longer the newest, or has ended: then nothing was recorded
 * @throws STORE_UNAVAILABLE
 */
export async function recordSteps(
  engine: Engine,
  run: RunKey,
  seen: number,
  { steps, jobs }: StepCalls,
): Promise<boolean> {
  const rows = await insert(engine, run, seen, { steps, jobs });
  if (!rows) return false;
  engine.dispatcher.handOver(rows);
  const waits = steps.flatMap(({ waitMs }) => waitMs ?? []);
  if (waits.length > 0) engine.waker.wakeAt(engine.clock.now() + Math.min(...waits));
  if (steps.some(({ kind }) => kind === 'event')) engine.waker.wake();
  return true;
}

/** @returns the rows of all the jobs, in their order */
async function insert(
  engine: Engine,
  run: RunKey,
  seen: number,
  { steps, jobs }: StepCalls,
): Promise<JobRow[] | undefined> {
  const places = jobs.map((job) => !job.isHeldBack && engine.dispatcher.reserve(job));
  try {
    const newJobs = jobs.map((job, index) => ({ ...job, isHandedOver: places[index] ?? false }));
    const recorded = await engine.store.pipelines.record(run, seen, steps, newJobs);
    if (!recorded) return undefined;
    const isNew = new Set(recorded.map((row) => row.id));
    const before = jobs.filter((job) => !isNew.has(job.id)); // by a try without an answer
    const present = before.length === 0 ? [] : await engine.store.jobs.findPresent(before);
    const rows = new Map([...recorded, ...present].map((row) => [row.id, row]));
    return jobs.flatMap((job) => rows.get(job.id) ?? []);
  } finally {
    for (const [index, job] of jobs.entries()) if (places[index]) engine.dispatcher.release(job.queue);
  }
}
