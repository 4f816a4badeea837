import type { Database } from './database.ts';
import { type ScheduleRow, scheduleColumns } from './schedule-row.ts';
import type { NewSchedule } from './schedules.ts';

export interface DefinitionKey {
  name: string;
  hash: string;
}

export type DefinedSchedule = NewSchedule & { hash: string };

/** Keeps the schedules of definitions in line with the code, while processes of several versions live side by side. */
export function createScheduleDefinitionStore(database: Database) {
  return {
    /**
     * Says that a process with these definitions lives. One that nobody has had for `graceMs` counts as new.
     * @returns those of them that count: no other of the name appeared later and is still there
     */
    announce(definitions: readonly DefinitionKey[], graceMs: number): Promise<DefinitionKey[]> {
      return database.query<DefinitionKey>(ANNOUNCE, [
        definitions.map(({ name }) => name),
        definitions.map(({ hash }) => hash),
        graceMs,
      ]);
    },

    /** The schedules of code in a tenant. */
    listOfCode(tenant: string): Promise<ScheduleRow[]> {
      return database.query<ScheduleRow>(
        `select ${scheduleColumns('s')} from longshore.schedules s where s.tenant = $1 and s.source = 'code'`,
        [tenant],
      );
    },

    /**
     * Creates a schedule of code, or brings it in line; whether it is paused stays as it is. Where another process has done
     * so, nothing changes: it may have fired since.
     * @returns false when a schedule that somebody made by hand has the name
     */
    async put(schedule: DefinedSchedule): Promise<boolean> {
      const { input: inputJson, ...rest } = schedule;
      await database.query(PUT, [JSON.stringify({ ...rest, inputJson })]);
      const rows = await database.query(
        `select 1 from longshore.schedules where tenant = $1 and name = $2 and source = 'code'`,
        [schedule.tenant, schedule.name],
      );
      return rows.length > 0;
    },

    /** Retires schedules whose definition no process has had for `graceMs`. @returns their names */
    async retire(graceMs: number): Promise<string[]> {
      const rows = await database.query<{ name: string }>(
        `update longshore.schedules s
         set retired_at = now(),
           next_due_at = null,
           updated_at = now()
         where s.source = 'code'
           and s.retired_at is null
           and not exists (
             select 1
             from longshore.schedule_definitions d
             where d.name = s.name and d.seen_at > now() - $1::integer * interval '1 millisecond')
         returning s.name`,
        [graceMs],
      );
      return rows.map(({ name }) => name);
    },

    /** Forgets definitions that nobody has had for so long. */
    async forget(unseenMs: number): Promise<void> {
      await database.query(
        `delete from longshore.schedule_definitions where seen_at < now() - $1::bigint * interval '1 millisecond'`,
        [unseenMs],
      );
    },
  };
}

// The order keeps two processes from waiting for each other.
const ANNOUNCE = `
  with mine as (
    insert into longshore.schedule_definitions as d (name, hash)
    select t.name, t.hash
    from unnest($1::text[], $2::text[]) as t(name, hash)
    order by t.name
    on conflict (name, hash) do update
    set appeared_at = case
          when d.seen_at < now() - $3::integer * interval '1 millisecond' then now()
          else d.appeared_at
        end,
      seen_at = now()
    returning d.name, d.hash, d.appeared_at
  )
  select mine.name, mine.hash
  from mine
  where not exists (
    select 1
    from longshore.schedule_definitions other
    where other.name = mine.name
      and other.hash <> mine.hash
      and other.seen_at > now() - $3::integer * interval '1 millisecond'
      and (other.appeared_at, other.hash) > (mine.appeared_at, mine.hash))`;

const PUT = `
  insert into longshore.schedules as s
    (id, tenant, name, type, input, options, cron, every_ms, run_at, time_zone, catch_up, overlap, enabled, source,
     definition_hash, anchor_at, next_due_at)
  select t.id, t.tenant, t.name, t.type, coalesce(t."inputJson", 'null'), t.options, t.cron, t."everyMs", t."runAt", t."timeZone",
    t."catchUp", t.overlap, t.enabled, 'code', t.hash, t."anchorAt", t."nextDueAt"
  from jsonb_to_record($1::jsonb) as t(
    id uuid, tenant text, name text, type text, "inputJson" jsonb, options jsonb, cron text, "everyMs" bigint, "runAt" timestamptz,
    "timeZone" text, "catchUp" text, overlap text, enabled boolean, hash text, "anchorAt" timestamptz, "nextDueAt" timestamptz)
  on conflict (tenant, name) do update
  set type = excluded.type,
    input = excluded.input,
    options = excluded.options,
    cron = excluded.cron,
    every_ms = excluded.every_ms,
    run_at = excluded.run_at,
    time_zone = excluded.time_zone,
    catch_up = excluded.catch_up,
    overlap = excluded.overlap,
    definition_hash = excluded.definition_hash,
    retired_at = null,
    anchor_at = excluded.anchor_at,
    next_due_at = case when s.enabled then excluded.next_due_at end,
    last_error = null,
    updated_at = now()
  where s.source = 'code' and (s.definition_hash <> excluded.definition_hash or s.retired_at is not null)`;
