import { existsSync } from 'node:fs';
import { chmod, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { lock } from 'proper-lockfile';
import { AppError } from '../shared/errors.ts';
import { pause } from '../shared/time.ts';
import { findBinaries } from './embedded/binaries.ts';
import { type Cluster, createDataOnce, describeCluster, ROLE, type ServerSettings } from './embedded/cluster.ts';
import type { ServerLog } from './embedded/log.ts';
import { Presence } from './embedded/presence.ts';
import { createRunner } from './embedded/run-as.ts';
import { connectionOf, ensureRunning, isAlive, stopServer } from './embedded/server.ts';

const DATABASE = 'longshore';
const LOCK_WAIT_MS = 90_000;
const LOCK_STALE_MS = 5000;
const LAST_USER_WAIT_MS = 2000;

export interface EmbeddedPostgresOptions {
  /** Absolute; the server lives in its subfolder `postgres`. */
  dataDir: string;
  log: ServerLog;
  /** For the server, when this call is the one that starts it, e.g. `['-c', 'fsync=off']`. */
  postgresFlags?: string[];
}

export interface EmbeddedPostgres {
  url: string;
  /** Leaves the server, and stops it when nobody else uses it. Close your own connections first. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL that comes with the package, or joins the one that another process started on the same folder.
 * The server is a process of its own: it outlives a killed program, and the next start finds it.
 * @throws INVALID_CONFIGURATION where it cannot run, naming the way out; STORE_UNAVAILABLE when it does not start
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, postgresFlags = [] } = options;
  const binaries = await findBinaries();
  const folder = await createFolder(options.dataDir);

  return withLock(folder, log, async () => {
    const cluster = describeCluster(folder, binaries, await createRunner(folder, binaries));
    const settings = await createDataOnce(cluster, () => log.info('creating the embedded database', { folder }));
    const port = await ensureRunning(cluster, settings, postgresFlags);
    await createDatabaseOnce(settings, port);
    const presence = new Presence(connectionOf(settings, port, DATABASE), log);
    await presence.open(); // before the lock is released, or the last one could stop the server now
    log.info('the embedded PostgreSQL is ready', { port, folder });
    return { url: urlOf(settings, port), stop: once(() => leave(cluster, presence, log)) };
  });
}

/** Whether a program has made its database there. */
export function hasEmbeddedPostgres(dataDir: string): boolean {
  return existsSync(join(dataDir, 'postgres', 'data'));
}

async function leave(cluster: Cluster, presence: Presence, log: ServerLog): Promise<void> {
  await withLock(cluster.folder, log, async () => {
    const isLast = await isLastUser(presence);
    await presence.close();
    if (!isLast) return;
    await stopServer(cluster);
    log.info('the embedded PostgreSQL has stopped', { folder: cluster.folder });
  });
}

async function isLastUser(presence: Presence): Promise<boolean> {
  const deadline = Date.now() + LAST_USER_WAIT_MS;
  for (;;) {
    const others = await presence.findOthers();
    if (!others) return false; // gone or restarting: to stop it now could take it from the others
    if (others.length === 0) return true;
    // The connection of a process that was just killed lasts for an instant.
    if (others.some(isAlive) || Date.now() > deadline) return false;
    await pause(20);
  }
}

async function createFolder(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'postgres');
  try {
    await mkdir(dataDir, { recursive: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700); // also says at once when it belongs to somebody else
    return await realpath(folder);
  } catch (cause) {
    const way = 'Use the user that created it, set DATA_DIR to a folder that you may write, or set DATABASE_URL.';
    throw new AppError('INVALID_CONFIGURATION', `the embedded PostgreSQL cannot use the folder ${folder}. ${way}`, {
      cause,
    });
  }
}

async function createDatabaseOnce(settings: ServerSettings, port: number): Promise<void> {
  const client = new pg.Client(connectionOf(settings, port, 'postgres'));
  client.on('error', () => {}); // the query rejects too
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

async function withLock<Result>(folder: string, log: ServerLog, act: () => Promise<Result>): Promise<Result> {
  const release = await lock(folder, {
    lockfilePath: join(folder, 'lock'),
    realpath: false,
    stale: LOCK_STALE_MS,
    retries: { retries: LOCK_WAIT_MS / 100, factor: 1, minTimeout: 100, maxTimeout: 100 },
    onCompromised: (error) => log.warn('the lock of the embedded PostgreSQL was lost', { error: error.message }),
  });
  try {
    return await act();
  } finally {
    await release().catch((error: Error) =>
      log.warn('the lock of the embedded PostgreSQL was lost', { error: error.message }),
    );
  }
}

function urlOf(settings: ServerSettings, port: number): string {
  // The password is base64url, so nothing in it needs escaping.
  return `postgres://${ROLE}:${settings.password}@127.0.0.1:${port}/${DATABASE}?sslmode=disable`;
}

function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= act();
    return done;
  };
}
