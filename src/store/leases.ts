import type { Database } from './database.ts';

/** The lease of whoever leads the maintenance: rescue, repair and clean-up. */
export const MAINTENANCE_LEASE = 'maintenance';

/** Leases on what only one process may do. The clock is the database's, so those of the processes do not matter. */
export function createLeaseStore(database: Database) {
  return {
    /**
     * Takes a lease that nobody holds, or renews one's own.
     * @returns 0 when `holder` has it for `leaseMs` from now, else for how many milliseconds another one has it
     */
    async acquire(name: string, holder: string, leaseMs: number): Promise<number> {
      const [row] = await database.query<{ othersMs: number }>(ACQUIRE, [name, holder, leaseMs], {
        isUrgent: true,
      });
      return row?.othersMs ?? leaseMs; // neither row: it was released or taken at this moment
    },

    async release(name: string, holder: string): Promise<void> {
      await database.query(`delete from longshore.leases where name = $1 and holder = $2`, [name, holder]);
    },
  };
}

const ACQUIRE = `
  with acquired as (
    insert into longshore.leases as l (name, holder, expires_at)
    values ($1, $2, now() + $3 * interval '1 millisecond')
    on conflict (name) do update
    set holder = excluded.holder,
      expires_at = excluded.expires_at
    where l.holder = excluded.holder or l.expires_at <= now()
    returning l.name
  )
  select 0::float8 as "othersMs"
  from acquired
  union all
  select greatest(1, ceil(extract(epoch from l.expires_at - now()) * 1000))::float8
  from longshore.leases l
  where l.name = $1 and not exists (select 1 from acquired)`;
