import { fileURLToPath } from 'node:url';
import { migrate as runMigrations } from 'drizzle-orm/node-postgres/migrator';
import type { Logger } from '../telemetry/logger.ts';
import { openDatabase } from './database.ts';

const FOLDER = fileURLToPath(new URL('../../drizzle', import.meta.url));
const LOCK = 4_719_203_551; // any number; the same in every process

/**
 * Applies the migrations that are missing. Safe to call from several processes at once: one works, the others wait.
 * @throws what PostgreSQL answered, with nothing of the failed migration applied
 */
export async function migrate(databaseUrl: string, log: Logger): Promise<void> {
  // One connection holds the lock in a transaction (which transaction poolers keep together), the other migrates.
  const database = openDatabase({ url: databaseUrl, poolSize: 2, log });
  try {
    await database.orm.transaction(async (guard) => {
      await guard.execute(`select pg_advisory_xact_lock(${LOCK})`);
      await runMigrations(database.orm, { migrationsFolder: FOLDER, migrationsSchema: 'longshore_migrations' });
    });
  } finally {
    await database.close();
  }
}

/** @returns whether the schema is there, for AUTO_MIGRATE=false */
export async function isMigrated(databaseUrl: string, log: Logger): Promise<boolean> {
  const database = openDatabase({ url: databaseUrl, poolSize: 1, log });
  try {
    const [row] = await database.query<{ found: boolean }>(`select to_regclass('longshore.jobs') is not null as found`);
    return row?.found ?? false;
  } finally {
    await database.close();
  }
}
