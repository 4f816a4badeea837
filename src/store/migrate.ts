import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../telemetry/logger.ts';
import { writeDespiteOthers } from './contention.ts';
import { type Database, openDatabase } from './database.ts';

const FOLDER = fileURLToPath(new URL('../../drizzle', import.meta.url));
// The names and the columns of drizzle's own migrator, which drizzle-kit writes the files for.
const HISTORY_SCHEMA = 'longshore_migrations';
const HISTORY = `${HISTORY_SCHEMA}.__drizzle_migrations`;
const BREAKPOINT = '--> statement-breakpoint';
const LOCK = 4_719_203_551; // any number; the same in every process

/** An entry of drizzle-kit's journal: the file `<tag>.sql`, which was made at `when` (epoch milliseconds). */
interface Migration {
  tag: string;
  when: number;
}

/**
 * Applies the migrations that are missing. Safe to call from several processes at once: one works, the others wait.
 * @throws what PostgreSQL answered, with nothing applied
 */
export async function migrate(databaseUrl: string, log: Logger): Promise<void> {
  const database = openDatabase({ url: databaseUrl, poolSize: 1, log });
  try {
    const run = async (transaction: Database) => {
      // Held until the transaction ends, which transaction poolers keep together.
      await transaction.query(`select pg_advisory_xact_lock(${LOCK})`);
      await transaction.query(`create schema if not exists ${HISTORY_SCHEMA}`);
      await transaction.query(
        `create table if not exists ${HISTORY} (id serial primary key, hash text not null, created_at bigint)`,
      );
      const newest = await findNewest(transaction);
      for (const migration of readJournal()) if (migration.when > newest) await apply(transaction, migration);
    };
    await writeDespiteOthers(() => database.transaction(run)); // programs of the version before work meanwhile
  } finally {
    await database.close();
  }
}

async function apply(database: Database, { tag, when }: Migration): Promise<void> {
  const text = readFileSync(join(FOLDER, `${tag}.sql`), 'utf8');
  for (const statement of text.split(BREAKPOINT)) await database.query(statement);
  const hash = createHash('sha256').update(text).digest('hex');
  await database.query(`insert into ${HISTORY} (hash, created_at) values ($1, $2)`, [hash, when]);
}

/** @returns whether every migration has been applied */
export async function isMigrated(database: Database): Promise<boolean> {
  const newest = Math.max(...readJournal().map(({ when }) => when));
  return (await hasHistory(database)) && (await findNewest(database)) >= newest;
}

export interface MigrationFacts {
  known: number;
  missing: number;
  /** Applied by a newer version of the program. */
  newer: number;
}

/** Compares the migrations that this program has with those that were applied. Changes nothing. */
export async function compareMigrations(database: Database): Promise<MigrationFacts> {
  const known = readJournal().map(({ when }) => when);
  const rows = (await hasHistory(database))
    ? await database.query<{ at: number }>(`select created_at as at from ${HISTORY}`)
    : [];
  const applied = new Set(rows.map(({ at }) => at));
  const newest = Math.max(...known);
  return {
    known: known.length,
    missing: known.filter((at) => !applied.has(at)).length,
    newer: [...applied].filter((at) => at > newest).length,
  };
}

function readJournal(): Migration[] {
  return JSON.parse(readFileSync(join(FOLDER, 'meta', '_journal.json'), 'utf8')).entries;
}

async function hasHistory(database: Database): Promise<boolean> {
  const [table] = await database.query<{ found: boolean }>(`select to_regclass('${HISTORY}') is not null as found`);
  return table?.found === true;
}

/** @returns when the newest of the applied migrations was made; 0 where there is none */
async function findNewest(database: Database): Promise<number> {
  const [row] = await database.query<{ newest: number }>(
    `select coalesce(max(created_at), 0) as newest from ${HISTORY}`,
  );
  return row?.newest ?? 0;
}
