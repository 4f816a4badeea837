import { createDueTimes, type DueTimes, listNext, type Timing } from '../../shared/due-times.ts';
import type { ScheduleRow } from '../../store/schedule-row.ts';

const SHOWN_RUNS = 10;

type RowTiming = Pick<ScheduleRow, 'cron' | 'everyMs' | 'runAt' | 'timeZone' | 'anchorAt'>;

/** What a request says of its times, or null for each that it does not. */
export interface RequestedTiming {
  cron?: string | null | undefined;
  everyMs?: number | null | undefined;
  runAt?: string | null | undefined;
  timeZone: string;
}

export function toTiming({ cron, everyMs, runAt, timeZone }: RequestedTiming, anchorAt: number): Timing {
  const at = runAt == null ? null : Date.parse(runAt);
  return { cron: cron ?? null, everyMs: everyMs ?? null, runAt: at, timeZone, anchorAt };
}

export function timingOf({ cron, everyMs, runAt, timeZone, anchorAt }: RowTiming): Timing {
  return { cron, everyMs, runAt: runAt?.getTime() ?? null, timeZone, anchorAt: anchorAt.getTime() };
}

export function dueTimesOf(row: RowTiming): DueTimes {
  return createDueTimes(timingOf(row));
}

/** The columns of a timing. */
export function toTimingColumns({ cron, everyMs, runAt, timeZone, anchorAt }: Timing): RowTiming {
  return { cron, everyMs, runAt: runAt === null ? null : new Date(runAt), timeZone, anchorAt: new Date(anchorAt) };
}

/** The next times at which a schedule is due, at most ten; none while it is paused or retired. */
export function listNextRuns(row: RowTiming & Pick<ScheduleRow, 'nextDueAt'>): Date[] {
  if (row.nextDueAt === null) return [];
  const next = row.nextDueAt.getTime();
  return [next, ...listNext(dueTimesOf(row), next, SHOWN_RUNS - 1)].map((ms) => new Date(ms));
}

export function toDate(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}
