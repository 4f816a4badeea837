import type { Database } from './database.ts';
import { type JobHead, jobHeadColumns } from './job-row.ts';
import { type ScheduleRow, scheduleColumns } from './schedule-row.ts';
import type { NewScheduleRun } from './schedules.ts';
import { TERMINAL } from './statuses.ts';

/** A schedule in the hands of this transaction. `nowMs` is the database's clock, which alone says what is due. */
export interface HeldSchedule extends ScheduleRow {
  nowMs: number;
}

/** What of a schedule is still under way. */
export interface OpenWork {
  scheduleId: string;
  /** Jobs that have not ended. */
  jobs: number;
  /** Due times that wait for them. */
  waiting: number;
}

/** How a schedule goes on. */
export interface Advance {
  id: string;
  nextDueAt: Date | null;
  lastDueAt: Date | null;
  /** Null clears it, undefined leaves it. */
  lastError?: string | null;
}

export type RunPlace = Pick<NewScheduleRun, 'scheduleId' | 'dueAt'>;

/** What the loop of every process does with schedules. All of it within a transaction that holds their rows. */
export function createScheduleFiringStore(database: Database) {
  return {
    /**
     * Takes schedules that are due, of these types; of others when nobody else has taken them within `strangerMs`. Whose
     * turn is longest ago comes first, so that no backlog starves others. Walks `schedules_due`.
     */
    lockDue(types: readonly string[], strangerMs: number, limit: number): Promise<HeldSchedule[]> {
      return database.query<HeldSchedule>(
        `select ${scheduleColumns('s')}, ${NOW_MS} as "nowMs"
         from longshore.schedules s
         where ${IS_ON}
           and s.next_due_at <= now()
           and (s.type = any($1) or s.next_due_at <= now() - $2::integer * interval '1 millisecond')
         order by s.served_at nulls first, s.next_due_at
         limit $3
         for update skip locked`,
        [types, strangerMs, limit],
      );
    },

    /** Takes schedules of which a due time waits, while no job of theirs is open. Walks `schedule_runs_waiting`. */
    lockWaiting(limit: number): Promise<HeldSchedule[]> {
      return database.query<HeldSchedule>(
        `select ${scheduleColumns('s')}, ${NOW_MS} as "nowMs"
         from longshore.schedules s
         where s.id in (select r.schedule_id from longshore.schedule_runs r where r.outcome = 'waiting')
           and ${IS_ON}
           and not exists (select 1 from longshore.jobs j where j.schedule_id = s.id and j.status not in ${TERMINAL})
         order by s.served_at nulls first
         limit $1
         for update skip locked`,
        [limit],
      );
    },

    /** The oldest due time of each schedule that waits. */
    nextWaiting(scheduleIds: readonly string[]): Promise<NewScheduleRun[]> {
      return database.query<NewScheduleRun>(
        `select distinct on (schedule_id) schedule_id as "scheduleId", due_at as "dueAt", kind, outcome, job_id as "jobId", detail
         from longshore.schedule_runs
         where schedule_id = any($1::uuid[]) and outcome = 'waiting'
         order by schedule_id, due_at`,
        [scheduleIds],
      );
    },

    /** Asked after the lock, so that it sees what the holder before has done. Walks `jobs_schedule`. */
    findOpenWork(scheduleIds: readonly string[]): Promise<OpenWork[]> {
      return database.query<OpenWork>(
        `select s.id as "scheduleId",
           (select count(*)::integer from longshore.jobs j where j.schedule_id = s.id and j.status not in ${TERMINAL}) as jobs,
           (select count(*)::integer from longshore.schedule_runs r where r.schedule_id = s.id and r.outcome = 'waiting') as waiting
         from unnest($1::uuid[]) as s(id)`,
        [scheduleIds],
      );
    },

    listOpenJobs(scheduleIds: readonly string[]): Promise<JobHead[]> {
      return database.query<JobHead>(
        `select ${jobHeadColumns('j')}
         from longshore.jobs j
         where j.schedule_id = any($1::uuid[]) and j.status not in ${TERMINAL}
         order by j.id`,
        [scheduleIds],
      );
    },

    /** Records what becomes of due times. @returns those that nobody had recorded before */
    insertRuns(runs: readonly NewScheduleRun[]): Promise<RunPlace[]> {
      return database.query<RunPlace>(
        `insert into longshore.schedule_runs as r (schedule_id, due_at, kind, outcome, job_id, detail)
         select "scheduleId", "dueAt", kind, outcome, "jobId", detail
         from jsonb_to_recordset($1::jsonb) as t(${RUN_TYPES})
         on conflict do nothing
         returning r.schedule_id as "scheduleId", r.due_at as "dueAt"`,
        [JSON.stringify(runs)],
      );
    },

    /** Records what has become of due times that waited, or could not be as was planned. */
    async settleRuns(runs: readonly NewScheduleRun[]): Promise<void> {
      await database.query(
        `update longshore.schedule_runs r
         set outcome = t.outcome,
           job_id = t."jobId",
           detail = t.detail,
           at = now()
         from jsonb_to_recordset($1::jsonb) as t(${RUN_TYPES})
         where r.schedule_id = t."scheduleId" and r.due_at = t."dueAt"`,
        [JSON.stringify(runs)],
      );
    },

    async advance(schedules: readonly Advance[]): Promise<void> {
      const values = schedules.map(({ lastError, ...rest }) => ({
        ...rest,
        lastError,
        keepsError: lastError === undefined,
      }));
      await database.query(
        `update longshore.schedules s
         set next_due_at = t."nextDueAt",
           last_due_at = coalesce(t."lastDueAt", s.last_due_at),
           last_error = case when t."keepsError" then s.last_error else t."lastError" end,
           served_at = now()
         from jsonb_to_recordset($1::jsonb) as t(
           id uuid, "nextDueAt" timestamptz, "lastDueAt" timestamptz, "lastError" text, "keepsError" boolean)
         where s.id = t.id`,
        [JSON.stringify(values)],
      );
    },

    /** Milliseconds until the next schedule is due for {@link lockDue}, at least 0; undefined when none ever is. */
    async nextDueMs(types: readonly string[], strangerMs: number): Promise<number | undefined> {
      const [row] = await database.query<{ ms: number | null }>(
        `select ceil(extract(epoch from least(
           (select min(s.next_due_at) from longshore.schedules s where ${IS_ON} and s.type = any($1)),
           (select min(s.next_due_at) from longshore.schedules s where ${IS_ON} and s.type <> all($1))
             + $2::integer * interval '1 millisecond'
         ) - now()) * 1000)::float8 as ms`,
        [types, strangerMs],
      );
      return row?.ms == null ? undefined : Math.max(0, row.ms);
    },
  };
}

const IS_ON = 's.enabled and s.retired_at is null';
const NOW_MS = 'floor(extract(epoch from now()) * 1000)::float8';
const RUN_TYPES = '"scheduleId" uuid, "dueAt" timestamptz, kind text, outcome text, "jobId" uuid, detail text';
