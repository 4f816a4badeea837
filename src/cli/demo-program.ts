import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pause } from '../shared/time.ts';
import { createChildEnvironment } from './demo-environment.ts';
import type { Environment } from './terminal.ts';

export interface DemoProgramOptions {
  /** The program's current folder: its data and files stay below it. */
  folder: string;
  environment: Environment;
  webhookSecret: string;
}

const BIN = fileURLToPath(new URL('../../bin/longshore.js', import.meta.url));
const READY_POLL_MS = 100;
const START_GRACE_MS = 10_000;
const STOP_LIMIT_MS = 20_000;
const LOG_TAIL_LINES = 30;

/** `longshore start` as a child process on a free port of this machine. */
export class DemoProgram {
  readonly url: string;
  /** The last lines that the program wrote. */
  readonly logTail: readonly string[];
  /** Resolves with how the program ended, in words. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #endSignal = new AbortController();
  readonly #killAtExit = () => void this.#child.kill('SIGTERM');
  #hasBeenReady = false;

  static async start(options: DemoProgramOptions): Promise<DemoProgram> {
    return new DemoProgram(options, await findFreePort());
  }

  private constructor({ folder, environment, webhookSecret }: DemoProgramOptions, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.#child = spawn(process.execPath, [BIN, 'start'], {
      cwd: folder,
      env: createChildEnvironment(environment, { port, webhookSecret }),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own: Ctrl-C reaches the demo alone, which then stops the program in order.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    this.logTail = collectTail(this.#child);
    this.ended = waitForEnd(this.#child);
    this.ended.then(() => this.#endSignal.abort());
    process.once('exit', this.#killAtExit);
  }

  /** @throws the signal's reason when it aborts */
  async waitUntilReady(signal: AbortSignal): Promise<void> {
    while (!(await isReady(this.url, signal))) {
      await pause(READY_POLL_MS, signal);
      signal.throwIfAborted();
    }
    this.#hasBeenReady = true;
  }

  /** SIGTERM, and SIGKILL when that takes too long. */
  async stop(): Promise<'stopped' | 'killed' | 'already gone'> {
    // Stopped half-way through its start, the program would leave its database behind.
    const grace = AbortSignal.any([AbortSignal.timeout(START_GRACE_MS), this.#endSignal.signal]);
    if (!this.#hasBeenReady) await this.waitUntilReady(grace).catch(() => {}); // then it is stopped as it is
    process.off('exit', this.#killAtExit);
    if (hasEnded(this.#child)) return 'already gone';
    this.#child.kill('SIGTERM');
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(killer);
    return this.#child.signalCode === 'SIGKILL' ? 'killed' : 'stopped';
  }
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
