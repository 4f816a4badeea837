import type { CatchUp, Overlap, RunOutcome } from '../../contract/schedules.ts';
import type { DueTimes } from '../../shared/due-times.ts';

/** A due time that is late by no more than this fires, whatever was missed before it. */
export const LATE_MS = 5000;
/** The newest due time is not missed before it is so late: an outage of a minute costs no daily run. */
export const MISSED_AFTER_MS = 60_000;
/** So many missed due times are caught up with. */
export const MAX_MISSED = 10_000;
/** So many due times of a schedule wait for its jobs. */
export const MAX_WAITING = 100;

export interface PlannedRun {
  dueAt: number;
  kind: 'due' | 'catch_up';
  outcome: RunOutcome;
  detail: string | null;
}

export interface DuePlan {
  /** Each due time once, in order. One entry may stand for several that were skipped; its detail says so. */
  runs: PlannedRun[];
  /** In the past when there is more to catch up with. */
  nextDueAt: number | undefined;
}

export interface DueSchedule {
  times: DueTimes;
  catchUp: CatchUp;
  /** The first due time that nothing has become of yet; not later than `nowMs`. */
  dueAt: number;
  nowMs: number;
}

/** Decides which of the due times so far fire. @param room how many of them at most; the others follow with the next call */
export function planDue(schedule: DueSchedule, room: number): DuePlan {
  return schedule.catchUp === 'all' ? planAll(schedule, room) : planNewest(schedule);
}

function planAll({ times, dueAt, nowMs }: DueSchedule, room: number): DuePlan {
  const runs = listDue(times, dueAt, nowMs, room).map((each) => toRun(each, nowMs));
  const last = runs.at(-1)?.dueAt ?? dueAt;
  const nextDueAt = times.after(last);
  if (nextDueAt === undefined || nextDueAt > nowMs) return { runs, nextDueAt };
  // Only here may there be too many: to count them is work.
  const kept = times.upTo(nowMs, MAX_MISSED)[0] ?? dueAt;
  if (kept <= dueAt) return { runs, nextDueAt };
  const detail = `more than ${MAX_MISSED} due times were missed: those before ${toIso(kept)} were skipped`;
  return { runs: [{ ...toRun(dueAt, nowMs), outcome: 'skipped', detail }], nextDueAt: kept };
}

function planNewest({ times, catchUp, dueAt, nowMs }: DueSchedule): DuePlan {
  const newest = Math.max(dueAt, times.upTo(nowMs, 1)[0] ?? dueAt);
  const isMissed = nowMs - newest > MISSED_AFTER_MS;
  const inTime = times.upTo(nowMs, LATE_MS / 1000 + 1).filter((each) => each >= dueAt && nowMs - each <= LATE_MS);
  const fired = inTime.length > 0 ? inTime : isMissed && catchUp === 'none' ? [] : [newest];
  const runs = fired.map((each) => toRun(each, nowMs));
  const nextDueAt = times.after(Math.max(nowMs, newest));
  if (fired[0] === dueAt) return { runs, nextDueAt };
  const until = fired[0] === undefined ? `up to ${toIso(newest)}` : `before ${toIso(fired[0])}`;
  const detail = `the due times ${until} were missed and skipped (catchUp: ${catchUp})`;
  return { runs: [{ ...toRun(dueAt, nowMs), outcome: 'skipped', detail }, ...runs], nextDueAt };
}

function listDue(times: DueTimes, first: number, untilMs: number, count: number): number[] {
  const list: number[] = [];
  for (let due: number | undefined = first; due !== undefined && due <= untilMs; due = times.after(due)) {
    if (list.push(due) === count) break;
  }
  return list;
}

function toRun(dueAt: number, nowMs: number): PlannedRun {
  return { dueAt, kind: nowMs - dueAt > MISSED_AFTER_MS ? 'catch_up' : 'due', outcome: 'enqueued', detail: null };
}

function toIso(ms: number): string {
  return new Date(ms).toISOString();
}

/** What of the schedule is under way. */
export interface OpenCounts {
  jobs: number;
  waiting: number;
}

/** Decides what becomes of runs while jobs of the schedule have not ended. */
export function applyOverlap(
  runs: readonly PlannedRun[],
  overlap: Overlap,
  { jobs, waiting }: OpenCounts,
): PlannedRun[] {
  const fired = runs.filter(({ outcome }) => outcome === 'enqueued');
  let isBusy = jobs + waiting > 0;
  let queued = waiting;
  return runs.map((run) => {
    if (run.outcome !== 'enqueued' || overlap === 'allow') return run;
    if (overlap === 'cancel_previous') {
      return run === fired.at(-1) ? run : skip(run, 'a newer due time came before it could start');
    }
    if (!isBusy) {
      isBusy = true;
      return run;
    }
    if (overlap === 'skip') return skip(run, 'the job before had not ended');
    if (queued === MAX_WAITING) return skip(run, `${MAX_WAITING} due times wait already`);
    queued += 1;
    return { ...run, outcome: 'waiting', detail: 'waits for the job before to end' };
  });
}

function skip(run: PlannedRun, detail: string): PlannedRun {
  return { ...run, outcome: 'skipped', detail };
}
