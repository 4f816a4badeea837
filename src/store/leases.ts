import type { Database } from './database.ts';

/** Leases on what only one process may do. The clock is the database's, so those of the processes do not matter. */
export function createLeaseStore(database: Database) {
  return {
    /** Takes a lease that nobody holds, or renews one's own. @returns whether `holder` has it for `leaseMs` from now */
    async acquire(name: string, holder: string, leaseMs: number): Promise<boolean> {
      const rows = await database.query(
        `insert into longshore.leases as l (name, holder, expires_at)
         values ($1, $2, now() + $3 * interval '1 millisecond')
         on conflict (name) do update
         set holder = excluded.holder,
           expires_at = excluded.expires_at
         where l.holder = excluded.holder or l.expires_at < now()
         returning l.name`,
        [name, holder, leaseMs],
      );
      return rows.length === 1;
    },

    async release(name: string, holder: string): Promise<void> {
      await database.query(`delete from longshore.leases where name = $1 and holder = $2`, [name, holder]);
    },
  };
}
