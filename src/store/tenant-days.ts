import type { Database } from './database.ts';
import type { JobRow } from './job-row.ts';
import { createJobStore, type EncodedJob } from './jobs.ts';

/** What became of a job of a tenant with a limit per day. */
export type CountedInsert =
  | { kind: 'inserted'; row: JobRow }
  /** Its id is there already, or its deduplication key is taken. */
  | { kind: 'present' }
  /** The day is full; whether it is there already was not looked for. */
  | { kind: 'over_limit' };

/** How many jobs tenants have enqueued in a day (UTC, by the clock of the database). */
export function createTenantDayStore(database: Database) {
  return {
    /**
     * Records jobs and counts those that are new, all in one transaction: no tenant ever has more than its limit per day.
     * What is there already costs nothing.
     * @returns one for each job, in their order
     */
    insert(jobs: readonly EncodedJob[]): Promise<CountedInsert[]> {
      return database.transaction(async (inner) => {
        const rooms = await lockRooms(inner, [...new Set(jobs.map(({ job }) => job.tenant))]);
        const results = new Map<string, CountedInsert>();
        for (const [tenant, own] of Map.groupBy(jobs, ({ job }) => job.tenant)) {
          const room = rooms.get(tenant) ?? Infinity; // its limit was taken away meanwhile
          const count = await insertUpTo(inner, own, room, results);
          if (rooms.has(tenant) && count > 0) await inner.query(COUNT, [tenant, count]);
        }
        return jobs.map(({ job }) => results.get(job.id) ?? { kind: 'over_limit' });
      });
    },

    /**
     * Counts one job that is recorded later, whatever the day has become then. In a transaction with what promises it.
     * @returns whether the tenant may have it
     */
    charge(tenant: string): Promise<boolean> {
      return database.transaction(async (inner) => {
        const room = (await lockRooms(inner, [tenant])).get(tenant) ?? Infinity;
        if (room < 1) return false;
        if (room < Infinity) await inner.query(COUNT, [tenant, 1]);
        return true;
      });
    },

    /** Removes what was counted on days so long ago. */
    async removeOld(days: number): Promise<void> {
      await database.query(
        `delete from longshore.tenant_days where day < (now() at time zone 'utc')::date - $1::integer`,
        [days],
      );
    },
  };
}

/** How many more jobs these tenants may enqueue today; without those that have no limit. Locks their day. */
async function lockRooms(database: Database, tenants: readonly string[]): Promise<Map<string, number>> {
  const rows = await database.query<{ tenant: string; room: number }>(LOCK, [tenants]);
  return new Map(rows.map(({ tenant, room }) => [tenant, room]));
}

/** @returns how many are new */
async function insertUpTo(
  database: Database,
  jobs: readonly EncodedJob[],
  room: number,
  results: Map<string, CountedInsert>,
): Promise<number> {
  const store = createJobStore(database);
  let count = 0;
  let open = jobs;
  // What turns out to be there already leaves its place to the next.
  while (open.length > 0 && count < room) {
    const some = open.slice(0, room - count);
    const rows = new Map((await store.insertEncoded(some)).map((row) => [row.id, row]));
    for (const { job } of some) {
      const row = rows.get(job.id);
      results.set(job.id, row ? { kind: 'inserted', row } : { kind: 'present' });
    }
    count += rows.size;
    open = open.slice(some.length);
  }
  return count;
}

// In one order everywhere, so that two transactions do not wait for each other.
const LOCK = `
  with locked as (
    insert into longshore.tenant_days as d (tenant, day)
    select t.name, (now() at time zone 'utc')::date
    from longshore.tenants t
    where t.name = any($1) and t.max_per_day is not null
    order by t.name
    on conflict (tenant, day) do update set accepted = d.accepted
    returning d.tenant, d.accepted
  )
  select l.tenant, greatest(t.max_per_day - l.accepted, 0) as room
  from locked l
  join longshore.tenants t on t.name = l.tenant`;

const COUNT = `
  update longshore.tenant_days
  set accepted = accepted + $2
  where tenant = $1 and day = (now() at time zone 'utc')::date`;
