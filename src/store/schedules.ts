import type { Database } from './database.ts';
import { type ScheduleRow, type ScheduleRunRow, scheduleColumns, scheduleRunColumns } from './schedule-row.ts';
import { type TenantScope, tenantOf } from './scope.ts';

/** What people say of a schedule, and what follows from it. */
export type ScheduleFields = Pick<
  ScheduleRow,
  'name' | 'type' | 'input' | 'options' | 'cron' | 'everyMs' | 'runAt' | 'timeZone' | 'catchUp' | 'overlap' | 'enabled'
> &
  Pick<ScheduleRow, 'anchorAt' | 'nextDueAt'>;

export type NewSchedule = ScheduleFields & Pick<ScheduleRow, 'id' | 'tenant'>;

export interface ScheduleFilter {
  type?: string | undefined;
  enabled?: boolean | undefined;
}

/** What became of a due time, before it is written. */
export type NewScheduleRun = Omit<ScheduleRunRow, 'at'>;

/** Schedules as people see and change them. */
export function createScheduleStore(database: Database) {
  return {
    /** The database's clock, by which schedules are due. Milliseconds since 1970. */
    async nowMs(): Promise<number> {
      const [row] = await database.query<{ ms: number }>(
        'select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as ms',
      );
      return row?.ms ?? Date.now();
    },

    /** @returns undefined when the id or the tenant's name is taken */
    async insert(schedule: NewSchedule): Promise<ScheduleRow | undefined> {
      const { id, tenant, ...fields } = schedule;
      const [row] = await database.query<ScheduleRow>(
        `insert into longshore.schedules as s (id, tenant, ${FIELDS})
         select $1, $2, ${VALUES} from jsonb_to_record($3::jsonb) as r(${FIELD_TYPES})
         on conflict do nothing
         returning ${scheduleColumns('s')}`,
        [id, tenant, encodeFields(fields)],
      );
      return row;
    },

    async get(scope: TenantScope, id: string): Promise<ScheduleRow | undefined> {
      const [row] = await database.query<ScheduleRow>(GET, [id, tenantOf(scope)]);
      return row;
    },

    /** The same, held for this transaction. */
    async lock(scope: TenantScope, id: string): Promise<ScheduleRow | undefined> {
      const [row] = await database.query<ScheduleRow>(`${GET} for update`, [id, tenantOf(scope)]);
      return row;
    },

    /** Newest first. */
    list(
      scope: TenantScope,
      { type, enabled }: ScheduleFilter,
      limit: number,
      beforeId: string | null,
    ): Promise<ScheduleRow[]> {
      return database.query<ScheduleRow>(
        `select ${scheduleColumns('s')}
         from longshore.schedules s
         where ($1::text is null or s.tenant = $1)
           and ($2::text is null or s.type = $2)
           and ($3::boolean is null or (s.enabled and s.retired_at is null) = $3)
           and ($4::uuid is null or s.id < $4)
         order by s.id desc
         limit $5`,
        [tenantOf(scope), type ?? null, enabled ?? null, beforeId, limit],
      );
    },

    /** Changes a schedule. @throws a unique violation when the tenant has another one of this name */
    async update(scope: TenantScope, id: string, fields: ScheduleFields): Promise<ScheduleRow | undefined> {
      const [row] = await database.query<ScheduleRow>(
        `update longshore.schedules s
         set (${FIELDS}) = (select ${VALUES} from jsonb_to_record($2::jsonb) as r(${FIELD_TYPES})),
           last_error = null,
           updated_at = now()
         where s.id = $1 and ($3::text is null or s.tenant = $3)
         returning ${scheduleColumns('s')}`,
        [id, encodeFields(fields), tenantOf(scope)],
      );
      return row;
    },

    /** Removes a schedule and its history; its jobs stay. */
    async remove(scope: TenantScope, id: string): Promise<void> {
      await database.query(
        'delete from longshore.schedules s where s.id = $1 and ($2::text is null or s.tenant = $2)',
        [id, tenantOf(scope)],
      );
    },

    /** Whether the tenant has a schedule of this name beside that of this id. */
    async isNameTaken(tenant: string, name: string, exceptId: string): Promise<boolean> {
      const rows = await database.query(
        'select 1 from longshore.schedules where tenant = $1 and name = $2 and id <> $3',
        [tenant, name, exceptId],
      );
      return rows.length > 0;
    },

    /** What became of the due times, the newest first. */
    listRuns(scope: TenantScope, scheduleId: string, limit: number, before: Date | null): Promise<ScheduleRunRow[]> {
      return database.query<ScheduleRunRow>(
        `select ${scheduleRunColumns('r')}
         from longshore.schedule_runs r
         where r.schedule_id = $1
           and exists (select from longshore.schedules s where s.id = $1 and ($2::text is null or s.tenant = $2))
           and ($3::timestamptz is null or r.due_at < $3)
         order by r.due_at desc
         limit $4`,
        [scheduleId, tenantOf(scope), before, limit],
      );
    },

    /** Records a run that somebody asked for; the same job is recorded once. Its time is the next millisecond that is free. */
    async insertManualRun(scope: TenantScope, scheduleId: string, jobId: string): Promise<void> {
      await database.query(
        `insert into longshore.schedule_runs (schedule_id, due_at, kind, outcome, job_id)
         select $1, date_trunc('milliseconds', clock_timestamp()) + n * interval '1 millisecond', 'manual', 'enqueued', $2
         from generate_series(0, 999) n
         where exists (select from longshore.schedules s where s.id = $1 and ($3::text is null or s.tenant = $3))
           and not exists (select 1 from longshore.schedule_runs r where r.schedule_id = $1 and r.job_id = $2)
           and not exists (
             select 1 from longshore.schedule_runs r
             where r.schedule_id = $1
               and r.due_at = date_trunc('milliseconds', clock_timestamp()) + n * interval '1 millisecond')
         order by n
         limit 1
         on conflict do nothing`,
        [scheduleId, jobId, tenantOf(scope)],
      );
    },

    /**
     * Removes history that is older than so many days (0: none is), and of each schedule that was at work within an hour
     * what lies behind its newest runs. @returns how many were removed
     */
    async trimRuns(days: number, keep: number, limit: number): Promise<number> {
      const rows = await database.query(TRIM, [days, keep, limit], { timeoutMs: TRIM_TIMEOUT_MS });
      return rows.length;
    },
  };
}

const TRIM_TIMEOUT_MS = 600_000;

const FIELD_TYPES = `name text, type text, input jsonb, options jsonb, cron text, every_ms bigint, run_at timestamptz, time_zone text,
  catch_up text, overlap text, enabled boolean, anchor_at timestamptz, next_due_at timestamptz`;
const FIELDS = FIELD_TYPES.replaceAll(/ (text|jsonb|bigint|timestamptz|boolean)\b/g, '');
// A JSON null arrives as an SQL null.
const VALUES = FIELDS.replace('input', `coalesce(input, 'null')`);

function encodeFields(fields: ScheduleFields): string {
  const { everyMs, runAt, timeZone, catchUp, anchorAt, nextDueAt, ...same } = fields;
  return JSON.stringify({
    ...same,
    every_ms: everyMs,
    run_at: runAt,
    time_zone: timeZone,
    catch_up: catchUp,
    anchor_at: anchorAt,
    next_due_at: nextDueAt,
  });
}

const GET = `
  select ${scheduleColumns('s')}
  from longshore.schedules s
  where s.id = $1 and ($2::text is null or s.tenant = $2)`;

// Schedule by schedule, along the primary key. What still waits to be started stays.
const TRIM = `
  with old as (
    select r.schedule_id, r.due_at
    from longshore.schedules s
    cross join lateral (
      select *
      from longshore.schedule_runs
      where schedule_id = s.id
        and due_at < now() - $1::integer * interval '1 day'
        and at < now() - $1::integer * interval '1 day'
        and outcome <> 'waiting'
      limit $3
    ) r
    where $1::integer > 0
    union
    select r.schedule_id, r.due_at
    from longshore.schedules s
    cross join lateral (
      select * from longshore.schedule_runs where schedule_id = s.id order by due_at desc offset $2
    ) r
    where s.served_at > now() - interval '1 hour' and r.outcome <> 'waiting'
    limit $3
  )
  delete from longshore.schedule_runs r
  using old
  where r.schedule_id = old.schedule_id and r.due_at = old.due_at
  returning 1`;
