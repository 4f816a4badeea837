import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pause } from '../shared/time.ts';
import type { Environment } from './terminal.ts';

export interface DemoProgram {
  readonly url: string;
  /** The last lines that the program wrote. */
  readonly logTail: readonly string[];
  /** Resolves with how the program ended, in words. */
  readonly ended: Promise<string>;
  /** @throws the signal's reason when it aborts */
  waitUntilReady(signal: AbortSignal): Promise<void>;
  /** SIGTERM, and SIGKILL when that takes too long. */
  stop(): Promise<'stopped' | 'killed' | 'already gone'>;
}

/**
 * Every setting of the program but those that the demo chooses. They are passed on as empty, which counts as unset,
 * so that neither the caller's environment nor a `.env` redirects the demo; a test compares the list with env.ts.
 */
export const SETTINGS_LEFT_AT_DEFAULT = [
  'NODE_ENV',
  'SHUTDOWN_TIMEOUT_MS',
  'CONNECT_TIMEOUT_MS',
  'DATA_DIR',
  'ADMIN_KEY',
  'MAX_BODY_BYTES',
  'DATABASE_URL',
  'DATABASE_POOL_SIZE',
  'AUTO_MIGRATE',
  'REDIS_URL',
  'QUEUE_PREFIX',
  'JOBS_DIR',
  'QUEUES',
  'QUEUE_CONCURRENCY',
  'LOCK_DURATION_MS',
  'STALLED_INTERVAL_MS',
  'DISPATCH_INTERVAL_MS',
  'DISPATCH_BATCH_SIZE',
  'POLL_INTERVAL_MS',
  'MAX_OUTPUT_BYTES',
  'STORAGE_DIR',
  'FILE_ROOTS',
  'OUTBOUND_ALLOW_PRIVATE',
  'OUTBOUND_ALLOW',
  'LOG_LEVEL',
];

const BIN = fileURLToPath(new URL('../../bin/longshore.js', import.meta.url));
const READY_POLL_MS = 100;
const STOP_LIMIT_MS = 20_000;
const LOG_TAIL_LINES = 30;

export interface DemoProgramOptions {
  /** The program's current folder: its data and files stay below it. */
  folder: string;
  environment: Environment;
  webhookSecret: string;
}

/** Starts `longshore start` as a child process on a free port of this machine. */
export async function startDemoProgram(options: DemoProgramOptions): Promise<DemoProgram> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [BIN, 'start'], {
    cwd: options.folder,
    env: createChildEnvironment(options, port),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: Ctrl-C reaches the demo alone, which then stops the program in order.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  const logTail = collectTail(child);
  const ended = waitForEnd(child);
  const killAtExit = () => void child.kill('SIGTERM');
  process.once('exit', killAtExit);

  return {
    url,
    logTail,
    ended,
    async waitUntilReady(signal) {
      while (!(await isReady(url, signal))) {
        await pause(READY_POLL_MS, signal);
        signal.throwIfAborted();
      }
    },
    async stop() {
      if (hasEnded(child)) return 'already gone';
      child.kill('SIGTERM');
      const hasStopped = await Promise.race([ended.then(() => true), pause(STOP_LIMIT_MS).then(() => false)]);
      if (!hasStopped) child.kill('SIGKILL');
      await ended;
      process.off('exit', killAtExit);
      return hasStopped ? 'stopped' : 'killed';
    },
  };
}

export function createChildEnvironment(
  { environment, webhookSecret }: Pick<DemoProgramOptions, 'environment' | 'webhookSecret'>,
  port: number,
): Record<string, string | undefined> {
  const overrides = Object.keys(environment).filter((name) => name.startsWith('QUEUE_CONCURRENCY_'));
  return {
    ...environment,
    ...Object.fromEntries([...SETTINGS_LEFT_AT_DEFAULT, ...overrides].map((name) => [name, ''])),
    MODE: 'all',
    HOST: '127.0.0.1',
    PORT: String(port),
    WEBHOOK_SECRET: webhookSecret,
    LOG_FORMAT: 'pretty',
    NO_COLOR: '1',
    FORCE_COLOR: '',
  };
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not listening yet
  }
}

function collectTail(child: ChildProcess): string[] {
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      tail.push(line);
      if (tail.length > LOG_TAIL_LINES) tail.shift();
    });
  }
  return tail;
}

/** Resolves with how the child ended, once its last line has been read. */
function waitForEnd(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}
