import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endsWithin } from '../../src/shared/time.ts';
import { findFreePort } from '../../test/support/free-port.ts';
import type { ContestantSettings } from '../contestants/contestant.ts';

const BIN = fileURLToPath(new URL('../../bin/longshore.js', import.meta.url));
const JOBS_DIR = fileURLToPath(new URL('../jobs', import.meta.url));
const START_MS = 30_000;
const STOP_MS = 20_000;
const SHOWN_CHARS = 300;

export const ADMIN_KEY = 'only-for-the-benchmark';

export interface LongshoreProgram {
  readonly pid: number;
  readonly url: string;
  /** From its start as a process until it said that it is ready, in milliseconds. */
  readonly readyMs: number;
  close(): Promise<void>;
}

export interface ProgramOptions {
  mode: 'api' | 'worker';
  transport: 'longshore-bullmq' | 'longshore-postgres';
}

/** `longshore start` as users start it, with its defaults, the jobs of the benchmark and a key for its API. */
export async function startProgram(
  { databaseUrl, redisUrl, environment }: ContestantSettings,
  { mode, transport }: ProgramOptions,
): Promise<LongshoreProgram> {
  const port = await findFreePort();
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [BIN, 'start'], {
    cwd: tmpdir(),
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      MODE: mode,
      PORT: String(port),
      ADMIN_KEY,
      JOBS_DIR,
      DATA_DIR: join(tmpdir(), 'longshore-bench-data'),
      DATABASE_URL: databaseUrl,
      ...(transport === 'longshore-bullmq' ? { REDIS_URL: redisUrl } : {}),
      OUTBOUND_ALLOW: '127.0.0.0/8',
      LOG_FORMAT: 'json',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill); // the others end with the channel to this process
  const close = async () => {
    child.kill('SIGTERM');
    if (!(await endsWithin(ended, STOP_MS))) child.kill('SIGKILL');
    await ended;
    process.off('exit', kill);
  };
  const isReady = new Promise<void>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      if (line.includes(' is ready')) resolve();
      else if (!line.includes('"level":"info"')) console.error(line.slice(0, SHOWN_CHARS));
    });
  });
  const hasStarted = await endsWithin(Promise.race([isReady, ended]), START_MS);
  if (!hasStarted || child.exitCode !== null) {
    await close();
    throw new Error(`longshore start (MODE=${mode}) was not ready in time`);
  }
  return { pid: child.pid ?? 0, url: `http://127.0.0.1:${port}`, readyMs: performance.now() - startedAtMs, close };
}
