import type { TenantChange } from '../contract/tenants.ts';
import type { Database } from './database.ts';
import { type TenantScope, tenantOf } from './scope.ts';

/** What a tenant may use; null: no limit. */
export interface TenantLimits {
  requestsPerSecond: number | null;
  maxRunning: number | null;
  maxQueued: number | null;
  maxPerDay: number | null;
}

export interface TenantRow extends TenantLimits {
  name: string;
  weight: number;
  createdAt: Date;
  updatedAt: Date;
}

export interface TenantUsage {
  running: number;
  queued: number;
  /** What was counted since midnight UTC. */
  today: number;
}

/** Jobs that wait to run. */
const WAITING = `('scheduled', 'queued', 'retrying')`;

/** What tenants may use, and what they use. */
export function createTenantStore(database: Database) {
  return {
    async get(scope: TenantScope, name: string): Promise<TenantRow | undefined> {
      const [row] = await database.query<TenantRow>(
        `select ${COLUMNS} from longshore.tenants t where t.name = $1 and ($2::text is null or t.name = $2)`,
        [name, tenantOf(scope)],
      );
      return row;
    },

    /** By name. */
    list(scope: TenantScope, limit: number, afterName: string | null): Promise<TenantRow[]> {
      return database.query<TenantRow>(
        `select ${COLUMNS}
         from longshore.tenants t
         where ($1::text is null or t.name = $1) and ($2::text is null or t.name > $2)
         order by t.name
         limit $3`,
        [tenantOf(scope), afterName, limit],
      );
    },

    /** The tenants that are limited in something. */
    listLimited(): Promise<(TenantLimits & { name: string })[]> {
      return database.query(
        `select t.name, ${LIMITS}
         from longshore.tenants t
         where num_nonnulls(t.requests_per_second, t.max_running, t.max_queued, t.max_per_day) > 0`,
      );
    },

    /** Changes what is given, and makes the row where there is none. */
    async change(name: string, change: TenantChange): Promise<TenantRow> {
      const [row] = await database.query<TenantRow>(CHANGE, [name, JSON.stringify(change)]);
      if (!row) throw new Error('an upsert without a row');
      return row;
    },

    /** @returns whether there was one */
    async remove(name: string): Promise<boolean> {
      return (await database.query('delete from longshore.tenants where name = $1 returning name', [name])).length > 0;
    },

    /** Of these tenants; those that use nothing are left out. */
    async usage(names: readonly string[]): Promise<Map<string, TenantUsage>> {
      const rows = await database.query<TenantUsage & { name: string }>(USAGE, [names]);
      return new Map(rows.map(({ name, ...usage }) => [name, usage]));
    },

    /** How many jobs of a tenant wait to run; not counted further than `limit`. */
    async countQueued(tenant: string, limit: number): Promise<number> {
      const [row] = await database.query<{ count: number }>(
        `select count(*)::integer as count
         from (select 1 from longshore.jobs j where j.tenant = $1 and j.status in ${WAITING} limit $2) as waiting`,
        [tenant, limit],
      );
      return row?.count ?? 0;
    },
  };
}

const LIMITS = `t.requests_per_second as "requestsPerSecond", t.max_running as "maxRunning", t.max_queued as "maxQueued", t.max_per_day as "maxPerDay"`;
const COLUMNS = `t.name, t.weight, ${LIMITS}, t.created_at as "createdAt",
  t.updated_at as "updatedAt"`;

// `?` tells a limit that is taken away (null) from one that is not spoken of.
const CHANGE = `
  insert into longshore.tenants as t (name, weight, requests_per_second, max_running, max_queued, max_per_day)
  select $1, coalesce(c.weight, 1), c."requestsPerSecond", c."maxRunning", c."maxQueued", c."maxPerDay"
  from jsonb_to_record($2::jsonb) as c(
    weight smallint, "requestsPerSecond" integer, "maxRunning" integer, "maxQueued" integer, "maxPerDay" integer)
  on conflict (name) do update
  set weight = case when $2::jsonb ? 'weight' then excluded.weight else t.weight end,
    requests_per_second =
      case when $2::jsonb ? 'requestsPerSecond' then excluded.requests_per_second else t.requests_per_second end,
    max_running = case when $2::jsonb ? 'maxRunning' then excluded.max_running else t.max_running end,
    max_queued = case when $2::jsonb ? 'maxQueued' then excluded.max_queued else t.max_queued end,
    max_per_day = case when $2::jsonb ? 'maxPerDay' then excluded.max_per_day else t.max_per_day end,
    updated_at = now()
  returning ${COLUMNS}`;

// Walks `jobs_not_completed`.
const USAGE = `
  select n.name, coalesce(j.running, 0)::integer as running, coalesce(j.queued, 0)::integer as queued,
    coalesce(d.accepted, 0) as today
  from unnest($1::text[]) as n(name)
  left join (
    select tenant, count(*) filter (where status = 'processing') as running,
      count(*) filter (where status <> 'processing') as queued
    from longshore.jobs
    where status in ('processing', 'scheduled', 'queued', 'retrying') and tenant = any($1)
    group by tenant
  ) j on j.tenant = n.name
  left join longshore.tenant_days d on d.tenant = n.name and d.day = (now() at time zone 'utc')::date`;
