import { randomBytes, randomUUID } from 'node:crypto';
import { access, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../shared/errors.ts';
import type { Binaries } from './binaries.ts';
import type { Runner } from './run-as.ts';

export const ROLE = 'longshore';
const UNFINISHED = 'data.new.';

/** What `server.json` keeps. */
export interface ServerSettings {
  password: string;
  /** The last port, taken again while it is free. */
  port?: number;
}

/** Everything about one data folder that does not change while the program runs. */
export interface Cluster {
  folder: string;
  dataFolder: string;
  logFile: string;
  binaries: Binaries;
  runner: Runner;
}

export function describeCluster(folder: string, binaries: Binaries, runner: Runner): Cluster {
  return { folder, dataFolder: join(folder, 'data'), logFile: join(folder, 'server.log'), binaries, runner };
}

/**
 * Creates the data folder with its password, unless it exists. A run that was killed halfway leaves nothing that counts:
 * the folder gets its name last.
 */
export async function createDataOnce(cluster: Cluster, onCreate: () => void): Promise<ServerSettings> {
  if (await exists(cluster.dataFolder)) return readSettings(cluster);
  onCreate();
  const settings = { password: randomBytes(24).toString('base64url') };
  await removeUnfinished(cluster.folder);
  // A name of its own: the initdb of a killed run may still be writing.
  const unfinished = join(cluster.folder, `${UNFINISHED}${randomUUID()}`);
  await initialize(cluster, unfinished, settings.password);
  await writeSettings(cluster, settings);
  await rename(unfinished, cluster.dataFolder);
  return settings;
}

export async function writeSettings(cluster: Cluster, settings: ServerSettings): Promise<void> {
  const path = join(cluster.folder, 'server.json');
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
  await cluster.runner.own(draft);
  await rename(draft, path);
}

async function removeUnfinished(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(UNFINISHED));
  await Promise.all(names.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

async function readSettings(cluster: Cluster): Promise<ServerSettings> {
  const path = join(cluster.folder, 'server.json');
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ServerSettings;
  } catch (cause) {
    const detail = `${path} holds the password of the embedded PostgreSQL and cannot be read`;
    throw new AppError(
      'INVALID_CONFIGURATION',
      `${detail}. Restore it, remove ${cluster.folder} with all jobs, or set DATABASE_URL.`,
      { cause },
    );
  }
}

async function initialize(cluster: Cluster, dataFolder: string, password: string): Promise<void> {
  const passwordFile = join(cluster.folder, `password.${randomUUID()}`);
  try {
    await writeFile(passwordFile, password, { mode: 0o600 });
    await cluster.runner.own(passwordFile);
    const { code, output } = await cluster.runner.run(cluster.binaries.initdb, [
      `--pgdata=${dataFolder}`,
      `--username=${ROLE}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
    ]);
    if (code !== 0) throw new AppError('STORE_UNAVAILABLE', `initdb failed in ${cluster.folder}:\n${output.trim()}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
