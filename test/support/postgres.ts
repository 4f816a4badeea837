import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { runWhenOrphaned } from './orphan-guard.ts';

// Nothing survives a power cut here, and nothing needs to: a killed server still loses no commit.
export const FLAGS = ['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=300'];

// The note of a killed server may name a process that is not ours; the command line tells.
const STOP_AND_REMOVE = `
  pid=$(head -n 1 "$1/postgres/data/postmaster.pid")
  is_server() { { tr '\\0' ' ' < "/proc/$pid/cmdline" || ps -ww -o command= -p "$pid"; } | grep -qF "$1/postgres/data"; }
  if test -n "$pid" && is_server "$1"; then
    kill -QUIT "$pid"
    for try in 1 2 3 4 5 6 7 8 9 10; do is_server "$1" || break; sleep 0.2; done
  fi
  rm -rf "$1"`;

export interface DataDir {
  /** Absolute; give it to `startEmbeddedPostgres` or as DATA_DIR. */
  path: string;
  /** Stops the server in it, if one runs, and removes it. */
  remove(): Promise<void>;
}

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** A temporary folder; it and an embedded PostgreSQL in it are gone with this process at the latest. */
export async function createDataDir(mode = 0o755): Promise<DataDir> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-data-'));
  await chmod(path, mode);
  return { path, remove: runWhenOrphaned(STOP_AND_REMOVE, path).runNow };
}

/** The one server of a test run; {@link createTestDatabase} makes databases in it. */
export async function startTestPostgres(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = await createDataDir();
  const log = { debug: () => {}, info: () => {}, warn: console.warn };
  try {
    const { url } = await startEmbeddedPostgres({ dataDir: dataDir.path, log, postgresFlags: FLAGS });
    return { url, stop: dataDir.remove };
  } catch (error) {
    await dataDir.remove();
    throw error;
  }
}

/**
 * Creates a database of its own, usually one for each test file.
 * @param template a database to copy, e.g. one with all migrations applied; nobody may be connected to it
 */
export async function createTestDatabase(template = 'template1'): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await runAsAdmin(`create database ${name} template ${pg.escapeIdentifier(template)}`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => runAsAdmin(`drop database if exists ${name} with (force)`) };
}

async function runAsAdmin(statement: string): Promise<void> {
  await runSql(inject('postgresUrl'), statement);
}

/** Runs one statement on a connection of its own. */
export async function runSql<Row extends object>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // the query rejects too
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}
