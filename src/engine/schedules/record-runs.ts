import { deriveId } from '../../shared/ids.ts';
import type { JobRow } from '../../store/job-row.ts';
import type { ScheduleRow } from '../../store/schedule-row.ts';
import type { NewScheduleRun } from '../../store/schedules.ts';
import type { Store } from '../../store/store.ts';
import type { Engine } from '../engine.ts';
import type { PreparedJob } from '../record-jobs.ts';
import { insertJobs } from './insert-jobs.ts';
import { type Prepared, tryToPrepare } from './prepare.ts';

/** A due time of a schedule, with what is to become of it. */
export interface ScheduledRun {
  schedule: ScheduleRow;
  run: NewScheduleRun;
}

export interface RecordedRuns {
  /** As they came out. */
  runs: ScheduledRun[];
  /** The new jobs, to be handed over after the commit. */
  jobs: JobRow[];
}

/** The job of a due time: always the same, so that it can never be recorded twice. */
export function jobIdOf(scheduleId: string, dueAt: Date): string {
  return deriveId(dueAt.getTime(), `schedule ${scheduleId} ${dueAt.getTime()}`);
}

/**
 * Gives the runs that are to be enqueued their jobs: their ids first, or the reason why there is none.
 * @returns the runs, and a job for each that has one
 */
export async function prepareRuns(
  engine: Engine,
  runs: readonly ScheduledRun[],
): Promise<{ runs: ScheduledRun[]; jobs: PreparedJob[] }> {
  const wanted = new Map(runs.filter(isEnqueued).map(({ schedule }) => [schedule.id, schedule]));
  const entries = [...wanted.values()].map(async (each) => [each.id, await tryToPrepare(engine, each)] as const);
  const prepared = new Map<string, Prepared>(await Promise.all(entries));
  const jobs: PreparedJob[] = [];
  const planned = runs.map((each) => {
    const found = isEnqueued(each) ? prepared.get(each.schedule.id) : undefined;
    if (!found) return each;
    if (!found.ok) return { ...each, run: { ...each.run, outcome: 'rejected' as const, detail: found.fault } };
    const id = jobIdOf(each.schedule.id, each.run.dueAt);
    jobs.push({ ...found.job, id });
    return { ...each, run: { ...each.run, jobId: id, detail: null } };
  });
  return { runs: planned, jobs };
}

/**
 * Records the jobs of runs; of those that a deduplication key or a limit of their tenant has kept away, why.
 * @param store that of the transaction in which the runs are recorded
 */
export async function recordJobsOf(
  engine: Engine,
  store: Store,
  runs: readonly ScheduledRun[],
  jobs: readonly PreparedJob[],
): Promise<RecordedRuns> {
  if (jobs.length === 0) return { runs: [...runs], jobs: [] };
  const { rows, refused } = await insertJobs(engine, store, jobs);
  if (rows.length === jobs.length) return { runs: [...runs], jobs: rows };
  const known = new Set([...rows.map(({ id }) => id), ...refused.keys()]);
  const present = await store.jobs.findPresent(jobs.filter(({ id }) => !known.has(id)));
  const holders = new Map(
    present.filter(({ id, wantedId }) => id !== wantedId).map((each) => [each.wantedId, each.id]),
  );
  const settled = runs.map((each): ScheduledRun => {
    const id = each.run.jobId ?? '';
    const [refusal, holder] = [refused.get(id), holders.get(id)];
    if (refusal) return { ...each, run: { ...each.run, outcome: 'rejected', jobId: null, detail: refusal.message } };
    if (holder === undefined) return each;
    const detail = `job ${holder} holds its deduplication key`;
    return { ...each, run: { ...each.run, outcome: 'skipped', jobId: null, detail } };
  });
  const changed = settled.filter((each, index) => each !== runs[index]).map(({ run }) => run);
  if (changed.length > 0) await store.scheduleFiring.settleRuns(changed);
  return { runs: settled, jobs: rows };
}

export function isEnqueued({ run }: ScheduledRun): boolean {
  return run.outcome === 'enqueued';
}
