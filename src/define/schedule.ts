import { type NewScheduleRequest, newScheduleSchema, type ScheduleOptions } from '../contract/schedules.ts';
import { findTimingFaults } from '../shared/due-times.ts';
import type { FieldError } from '../shared/errors.ts';

/** When a job is enqueued by itself. Exactly one of `cron`, `everyMs` and `runAt`. */
export interface ScheduleDefinition<Input = unknown> {
  /** Names the schedule for ever; default: the type of the job. */
  name?: string;
  /** `minute hour day-of-month month day-of-week`, with the second before them if wanted, or e.g. `@daily`. */
  cron?: string;
  /** At least 1000; counted from a fixed moment, so it never drifts. */
  everyMs?: number;
  /** Once. A time, e.g. `2030-01-31T08:00:00Z`. */
  runAt?: string | Date;
  /** Of the IANA database, e.g. `Europe/Berlin`; default `UTC`. */
  timeZone?: string;
  /** What each job gets. */
  input: Input;
  /** As of a call that enqueues a job. */
  options?: ScheduleOptions;
  /** After downtime: `none` of what was missed, the `last` (default), or `all` of it. */
  catchUp?: 'none' | 'last' | 'all';
  /** While the job before has not ended: `allow` (default), `skip`, `queue` or `cancel_previous`. */
  overlap?: 'allow' | 'skip' | 'queue' | 'cancel_previous';
}

/** A schedule of a definition, checked, with its defaults. */
export type DefinedSchedule = Omit<NewScheduleRequest, 'tenant' | 'enabled'>;

export type ReadSchedules = { ok: true; schedules: DefinedSchedule[] } | { ok: false; fault: string };

/** Checks the schedules of a job. Its inputs are checked with the others of its type, when they are due. */
export function readSchedules(
  type: string,
  given: ScheduleDefinition | readonly ScheduleDefinition[] | undefined,
): ReadSchedules {
  const list = given === undefined ? [] : Array.isArray(given) ? given : [given as ScheduleDefinition];
  const schedules: DefinedSchedule[] = [];
  for (const each of list as readonly ScheduleDefinition[]) {
    const runAt = each.runAt instanceof Date ? each.runAt.toISOString() : each.runAt;
    const parsed = newScheduleSchema.safeParse({ ...each, type, name: each.name ?? type, runAt });
    if (!parsed.success) {
      const faults = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
      return { ok: false, fault: describe(faults) };
    }
    const { tenant, enabled: _enabled, ...schedule } = parsed.data;
    if (tenant !== undefined) return { ok: false, fault: 'schedule: tenant is not known here' };
    const faults = findTimingFaults(toTimingOf(schedule), 0);
    if (faults.length > 0) return { ok: false, fault: describe(faults) };
    if (schedules.some(({ name }) => name === schedule.name)) {
      return { ok: false, fault: `two schedules are named "${schedule.name}": give each a name of its own` };
    }
    schedules.push(schedule);
  }
  return { ok: true, schedules };
}

function toTimingOf({ cron, everyMs, runAt, timeZone }: DefinedSchedule) {
  return {
    cron: cron ?? null,
    everyMs: everyMs ?? null,
    runAt: runAt === undefined ? null : Date.parse(runAt),
    timeZone,
  };
}

function describe(faults: readonly FieldError[]): string {
  return faults.map(({ path, message }) => `schedule${path === '' ? '' : `.${path}`}: ${message}`).join('; ');
}
