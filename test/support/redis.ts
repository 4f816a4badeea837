import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findFreePort } from './free-port.ts';
import { runWhenOrphaned } from './orphan-guard.ts';
import { waitFor } from './wait-for.ts';

export interface RedisOptions {
  /** Keeps the data over a restart (an append-only file); default false. */
  isDurable?: boolean;
  /** More arguments for redis-server, e.g. `['--requirepass', 'secret']`. */
  flags?: string[];
}

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** @param signal default SIGTERM; SIGKILL for a crash */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again on the same port, stopping it first if it runs. */
  restart(): Promise<void>;
}

const HOW_TO_INSTALL =
  'the tests need redis-server 6.2 or later on the PATH (Debian, Ubuntu: apt-get install redis-server; ' +
  'macOS: brew install redis; Fedora: dnf install redis), or TEST_REDIS_URL';

/** Starts a private Redis on a free port of this machine. It ends with this process at the latest. */
export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const program = findRedisServer();
  const folder = await mkdtemp(join(tmpdir(), 'longshore-redis-'));
  runWhenOrphaned('test -s "$1/pid" && kill -9 "$(cat "$1/pid")"; rm -rf "$1"', folder);
  const port = await findFreePort();
  let server = await launch(program, folder, port, options);

  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.ref(); // or a program that waits for nothing else would end here
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
    await writeFile(join(folder, 'pid'), ''); // the number may belong to another process soon
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid as number;
    },
    stop,
    restart: async () => {
      await stop();
      server = await launch(program, folder, port, options);
    },
  };
}

/**
 * Finds redis-server on the PATH; on Debian and Ubuntu root installs it, without starting the service.
 * @throws an Error with one line that says how to install it
 */
export function findRedisServer(): string {
  const found = findOnPath('redis-server');
  if (found) return found;
  const canInstall = process.getuid?.() === 0 && existsSync('/etc/debian_version') && findOnPath('apt-get');
  if (!canInstall) throw new Error(HOW_TO_INSTALL);
  installWithApt();
  const installed = findOnPath('redis-server');
  if (!installed) throw new Error(HOW_TO_INSTALL);
  return installed;
}

async function launch(program: string, folder: string, port: number, options: RedisOptions): Promise<ChildProcess> {
  const server = spawn(
    program,
    [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'no'],
      ...['--save', '', '--appendonly', options.isDurable ? 'yes' : 'no', '--maxmemory-policy', 'noeviction'],
      ...(options.flags ?? []),
    ],
    { detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  writeFileSync(join(folder, 'pid'), String(server.pid));
  server.unref();
  let output = '';
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4000);
  };
  for (const stream of [server.stdout, server.stderr]) {
    stream.on('data', collect);
    (stream as typeof stream & { unref(): void }).unref();
  }
  await waitFor(() => server.exitCode !== null || answers(port), { describe: `redis-server on port ${port}` });
  if (server.exitCode !== null) throw new Error(`redis-server ended at once:\n${output}`);
  return server;
}

/** Whether something that speaks Redis's protocol answers, be it with "a password is needed". */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('data', (data) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString())); // -LOADING: not yet
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

function findOnPath(program: string): string | undefined {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, program));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function installWithApt(): void {
  // Debian's way to say that no service may start while packages are installed.
  const policy = '/usr/sbin/policy-rc.d';
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]) =>
    execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', '-qq', ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  process.stderr.write('redis-server is missing: installing it with apt-get\n');
  try {
    apt('update');
    apt('install', '-y', '--no-install-recommends', 'redis-server');
  } catch (cause) {
    const output = String((cause as { stderr?: Buffer }).stderr ?? '').trim();
    throw new Error(`${HOW_TO_INSTALL}. apt-get failed: ${output.split('\n').at(-1)}`, { cause });
  } finally {
    if (isOurs) rmSync(policy, { force: true });
  }
}
