import { readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { AppError } from '../../shared/errors.ts';
import { messageOf } from '../../shared/failure.ts';
import { pause } from '../../shared/time.ts';
import { type Cluster, ROLE, type ServerSettings, writeSettings } from './cluster.ts';

const START_ATTEMPTS = 5;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_SECONDS = 30;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

/**
 * Starts the server of a cluster, or finds the one that runs.
 * @returns its port
 * @throws STORE_UNAVAILABLE with the end of the server's log
 */
export async function ensureRunning(cluster: Cluster, settings: ServerSettings, flags: string[]): Promise<number> {
  let output = '';
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
    const running = await findRunning(cluster, settings);
    if (running !== undefined) return running;
    const port = await chooseFreePort(attempt === 1 ? settings.port : undefined);
    await writeSettings(cluster, { ...settings, port });
    const started = await launch(cluster, port, flags);
    if (started.code === 0) return port;
    // Another program may have taken the port, or the last server's processes may still be ending.
    output = started.output;
    await pause(200 * attempt);
  }
  const log = await readTail(cluster.logFile);
  throw new AppError('STORE_UNAVAILABLE', `the embedded PostgreSQL does not start:\n${output.trim()}\n${log}`);
}

/** Stops the server: open transactions are rolled back, everything committed is on disk. */
export async function stopServer(cluster: Cluster): Promise<void> {
  const { runner, binaries, dataFolder } = cluster;
  const timeout = ['-w', '-t', String(STOP_TIMEOUT_SECONDS)];
  const { code, output } = await runner.run(binaries.pg_ctl, ['stop', '-D', dataFolder, '-m', 'fast', ...timeout]);
  if (code === 0) return;
  const note = await readPidFile(cluster);
  if (!note || !(await isServerProcess(cluster, note.pid))) return; // it had ended already
  throw new AppError('INTERNAL', `the embedded PostgreSQL does not stop: ${output.trim()}`);
}

export function connectionOf(settings: ServerSettings, port: number, database: string): pg.ClientConfig {
  // `ssl` and `options` said here keep PGSSLMODE and PGOPTIONS of the user's shell away.
  return { host: '127.0.0.1', port, user: ROLE, password: settings.password, database, ssl: false, options: '' };
}

async function launch({ runner, binaries, dataFolder, logFile }: Cluster, port: number, flags: string[]) {
  await dropLargeLog(logFile);
  const options = [
    ...['-c', 'listen_addresses=127.0.0.1', '-c', `port=${port}`, '-c', 'unix_socket_directories='],
    ...['-c', 'log_min_messages=warning', '-c', 'timezone=UTC', '-c', 'log_timezone=UTC'],
    ...flags,
  ];
  return runner.run(binaries.pg_ctl, [
    ...['start', '-D', dataFolder, '-l', logFile, '-w', '-t', String(START_TIMEOUT_MS / 1000)],
    ...['-o', options.map(quote).join(' ')],
  ]);
}

/** @returns the port of the server that runs on this data; undefined when none runs */
async function findRunning(cluster: Cluster, settings: ServerSettings): Promise<number | undefined> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    // The server's own note, not server.json: that one says only which port was meant.
    const note = await readPidFile(cluster);
    if (!note) return undefined;
    const answer = note.port === undefined ? 'it has no port yet' : await tryConnection(settings, note.port);
    if (answer === 'ok') return note.port;
    if (!(await isServerProcess(cluster, note.pid))) {
      // After a hard stop another process may have the number by now, as in a restarted container, and PostgreSQL
      // would take that for a running server. Its shared memory still guards the data against a second one.
      if (isAlive(note.pid)) await rm(pidFileOf(cluster), { force: true });
      return undefined;
    }
    if (isWrongPassword(answer) || Date.now() > deadline) {
      const detail = `the embedded PostgreSQL (pid ${note.pid}) does not let us in: ${messageOf(answer)}`;
      throw new AppError('STORE_UNAVAILABLE', detail, { cause: answer });
    }
    await pause(100); // it is starting, recovering or stopping
  }
}

async function readPidFile(cluster: Cluster): Promise<{ pid: number; port: number | undefined } | undefined> {
  try {
    // Line 1 is the pid, line 4 the port (PostgreSQL's manual, "Database File Layout").
    const lines = (await readFile(pidFileOf(cluster), 'utf8')).split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]) || undefined };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** @returns `ok`, or what was thrown instead */
async function tryConnection(settings: ServerSettings, port: number): Promise<unknown> {
  const client = new pg.Client({ ...connectionOf(settings, port, 'postgres'), connectionTimeoutMillis: 5000 });
  client.on('error', () => {}); // a connection that breaks while it ends has answered already
  try {
    await client.connect();
    await client.end();
    return 'ok';
  } catch (error) {
    return error;
  }
}

function isWrongPassword(thrown: unknown): boolean {
  return (thrown as { code?: unknown }).code === '28P01';
}

// The command line names the data folder, and everybody may read it; the working directory is not readable in containers.
async function isServerProcess({ runner, dataFolder }: Cluster, pid: number): Promise<boolean> {
  if (process.platform === 'win32') return isAlive(pid);
  if (process.platform !== 'linux')
    return (await runner.run('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).output.includes(dataFolder);
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').includes(dataFolder);
  } catch {
    return false; // it has ended
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** @param preferred taken when it is free, so that the address stays the same from start to start */
async function chooseFreePort(preferred: number | undefined): Promise<number> {
  if (preferred === undefined) return listenOnce(0);
  return listenOnce(preferred).catch(() => listenOnce(0)); // taken
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

async function dropLargeLog(logFile: string): Promise<void> {
  const { size } = (await stat(logFile).catch(() => undefined)) ?? { size: 0 }; // none before the first start
  if (size > LOG_LIMIT_BYTES) await rm(logFile);
}

async function readTail(logFile: string): Promise<string> {
  const log = await readFile(logFile, 'utf8').catch(() => ''); // none when it could not even begin
  return log.trimEnd().split('\n').slice(-15).join('\n');
}

// pg_ctl hands its -o text to a shell.
function quote(text: string): string {
  return process.platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", `'\\''`)}'`;
}

function pidFileOf({ dataFolder }: Cluster): string {
  return join(dataFolder, 'postmaster.pid');
}
