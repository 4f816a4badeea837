import { Cron } from 'croner';
import { findCronFault } from './cron.ts';
import type { FieldError } from './errors.ts';

/** When something is due: exactly one of `cron`, `everyMs` and `runAt` is set. Times in milliseconds since 1970. */
export interface Timing {
  cron: string | null;
  everyMs: number | null;
  runAt: number | null;
  /** Of the IANA database; only cron has to do with it. */
  timeZone: string;
  /** What intervals are counted from. */
  anchorAt: number;
}

export interface DueTimes {
  /** The first due time after this one; undefined when there is none. */
  after(ms: number): number | undefined;
  /** The newest due times up to this one, itself included: at most `count` of them, the oldest first. */
  upTo(ms: number, count: number): number[];
}

/** What fires once fires at this time at most: PostgreSQL and four digits of a year know no later one. */
const END_MS = Date.UTC(9999, 11, 31);

/**
 * The due times of a timing. Daylight saving as in Vixie cron, which croner follows with `no-wildcard`: without `*` and
 * steps in second, minute and hour, a time that does not exist is due at the first moment after the gap, and one that exists twice
 * is due once, the first time. All others are intervals: they skip what does not exist, and go on through the repeated hour.
 * @throws TypeError for what {@link findTimingFaults} finds
 */
export function createDueTimes(timing: Timing): DueTimes {
  const { cron, everyMs, runAt, timeZone, anchorAt } = timing;
  if (cron !== null) return createCronTimes(cron, timeZone);
  if (everyMs !== null) return createIntervalTimes(everyMs, anchorAt);
  const only = runAt ?? END_MS;
  return {
    after: (ms) => (only > ms ? only : undefined),
    upTo: (ms, count) => (only <= ms && count > 0 ? [only] : []),
  };
}

function createCronTimes(pattern: string, timezone: string): DueTimes {
  const cron = openCron(pattern, timezone);
  return {
    after: (ms) => cron.nextRun(new Date(ms))?.getTime(),
    upTo: (ms, count) =>
      cron
        .previousRuns(count, new Date(ms + 1))
        .map((date) => date.getTime())
        .reverse(),
  };
}

function openCron(pattern: string, timezone: string): Cron {
  return new Cron(pattern.trim(), { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true });
}

// Counted from the anchor, not from the last time: no delay ever adds up.
function createIntervalTimes(everyMs: number, anchorAt: number): DueTimes {
  const countAt = (ms: number) => Math.floor((ms - anchorAt) / everyMs);
  return {
    after: (ms) => anchorAt + Math.max(1, countAt(ms) + 1) * everyMs,
    upTo(ms, count) {
      const last = countAt(ms);
      const length = Math.max(0, Math.min(count, last));
      return Array.from({ length }, (_, index) => anchorAt + (last - length + 1 + index) * everyMs);
    },
  };
}

/** The next due times after a moment, at most `count`. */
export function listNext(times: DueTimes, afterMs: number, count: number): number[] {
  const list: number[] = [];
  let next = times.after(afterMs);
  while (next !== undefined && list.length < count) {
    list.push(next);
    next = times.after(next);
  }
  return list;
}

/** Lists what is wrong with a timing, by field. `nowMs`: from when on it has to be due at least once. */
export function findTimingFaults(timing: Omit<Timing, 'anchorAt'>, nowMs: number): FieldError[] {
  const { cron, timeZone, runAt } = timing;
  const zoneFault = findTimeZoneFault(timeZone);
  const faults: FieldError[] = zoneFault === undefined ? [] : [{ path: 'timeZone', message: zoneFault }];
  const cronFault = cron === null ? undefined : (findCronFault(cron) ?? findNeverFault(cron, nowMs));
  if (cronFault !== undefined) faults.push({ path: 'cron', message: cronFault });
  if (runAt !== null && runAt <= nowMs) faults.push({ path: 'runAt', message: 'must be in the future' });
  return faults;
}

function findTimeZoneFault(timeZone: string): string | undefined {
  const hint = 'names of the IANA time zone database are allowed, e.g. Europe/Berlin or UTC';
  if (!/^[A-Za-z]/.test(timeZone)) return `"${timeZone}" is not a time zone; ${hint}`;
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    return undefined;
  } catch {
    return `there is no time zone "${timeZone}"; ${hint}`; // a RangeError, which says no more
  }
}

// Dates do not depend on the zone, which may be wrong itself.
function findNeverFault(pattern: string, nowMs: number): string | undefined {
  try {
    if (openCron(pattern, 'UTC').nextRun(new Date(nowMs))) return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const [dayOfMonth, month, dayOfWeek] = pattern.trim().split(/\s+/).slice(-3);
  return `never fires: no date has day-of-month "${dayOfMonth}", month "${month}" and day-of-week "${dayOfWeek}"`;
}
