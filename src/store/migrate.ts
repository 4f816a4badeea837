import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { migrate as runMigrations } from 'drizzle-orm/node-postgres/migrator';
import type { Logger } from '../telemetry/logger.ts';
import { type Database, openDatabase } from './database.ts';

const FOLDER = fileURLToPath(new URL('../../drizzle', import.meta.url));
const HISTORY_SCHEMA = 'longshore_migrations';
const HISTORY = `${HISTORY_SCHEMA}.__drizzle_migrations`; // drizzle's own name
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
      await runMigrations(database.orm, { migrationsFolder: FOLDER, migrationsSchema: HISTORY_SCHEMA });
    });
  } finally {
    await database.close();
  }
}

/** @returns whether every migration has been applied, for AUTO_MIGRATE=false */
export async function isMigrated(databaseUrl: string, log: Logger): Promise<boolean> {
  const newest = Math.max(...readMigrationFiles({ migrationsFolder: FOLDER }).map((each) => each.folderMillis));
  const database = openDatabase({ url: databaseUrl, poolSize: 1, log });
  try {
    const [table] = await database.query<{ found: boolean }>(`select to_regclass('${HISTORY}') is not null as found`);
    if (!table?.found) return false;
    const [row] = await database.query<{ newest: number }>(`select max(created_at) as newest from ${HISTORY}`);
    return (row?.newest ?? 0) >= newest;
  } finally {
    await database.close();
  }
}

export interface MigrationFacts {
  known: number;
  missing: number;
  /** Applied by a newer version of the program. */
  newer: number;
}

/** Compares the migrations that this program has with those that were applied. Changes nothing. */
export async function compareMigrations(database: Database): Promise<MigrationFacts> {
  const known = readMigrationFiles({ migrationsFolder: FOLDER }).map((each) => each.folderMillis);
  const [table] = await database.query<{ found: boolean }>(`select to_regclass('${HISTORY}') is not null as found`);
  const rows = table?.found ? await database.query<{ at: number }>(`select created_at as at from ${HISTORY}`) : [];
  const applied = new Set(rows.map(({ at }) => Number(at)));
  const newest = Math.max(...known);
  return {
    known: known.length,
    missing: known.filter((at) => !applied.has(at)).length,
    newer: [...applied].filter((at) => at > newest).length,
  };
}
