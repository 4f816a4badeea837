import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { createDataDir } from '../../test/support/postgres.ts';

// Durable, as it comes: fsync, synchronous_commit and full_page_writes are on. The rest suits a small server that measures:
// room for the connections of all contestants, and no checkpoint in the middle of a run.
const FLAGS = {
  max_connections: '300',
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
};

/** Larger databases are copied as files, which costs two checkpoints; the others through the WAL. */
const LARGE_BYTES = 100_000_000;
const SIZE = 'select pg_database_size($1) as bytes';

export interface BenchPostgres {
  readonly pid: number;
  readonly settings: Record<string, string>;
  version(): Promise<string>;
  urlOf(database: string): string;
  /** Creates a database, or copies one to which nobody is connected. */
  create(database: string, template?: string): Promise<void>;
  drop(database: string): Promise<void>;
  /** Writes everything to disk, so that no run pays for the one before. */
  checkpoint(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a PostgreSQL for all contestants; it and its data are gone with this process at the latest. */
export async function startPostgres(): Promise<BenchPostgres> {
  const dataDir = await createDataDir();
  try {
    const log = { debug: () => {}, info: () => {}, warn: console.warn };
    const postgresFlags = Object.entries(FLAGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = await startEmbeddedPostgres({ dataDir: dataDir.path, log, postgresFlags });
    const pidFile = readFileSync(join(dataDir.path, 'postgres', 'data', 'postmaster.pid'), 'utf8');
    const admin = new pg.Pool({ connectionString: server.url, max: 1 });
    admin.on('error', () => {}); // the next statement tells
    const urlOf = (database: string) => {
      const url = new URL(server.url);
      url.pathname = `/${database}`;
      return url.href;
    };
    return {
      pid: Number.parseInt(pidFile, 10),
      settings: FLAGS,
      urlOf,
      version: async () =>
        (await admin.query<{ server_version: string }>('show server_version')).rows[0]?.server_version ?? '',
      async create(database, template = 'template1') {
        const { rows } = await admin.query<{ bytes: string }>(SIZE, [template]);
        const strategy = Number(rows[0]?.bytes) > LARGE_BYTES ? 'file_copy' : 'wal_log';
        await admin.query(`create database ${database} template ${template} strategy ${strategy}`);
      },
      async drop(database) {
        await admin.query(`drop database if exists ${database} with (force)`);
      },
      async checkpoint() {
        await admin.query('checkpoint');
      },
      async stop() {
        await admin.end();
        await dataDir.remove();
      },
    };
  } catch (error) {
    await dataDir.remove();
    throw error;
  }
}
