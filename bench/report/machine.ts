import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Servers } from '../servers/servers.ts';
import { findPercentile } from './statistics.ts';

/** What figures depend on. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  system: string;
  node: string;
  postgres: string;
  redis: string;
  /** What it takes to put 8 kB on the disk of the servers, median in milliseconds. */
  fdatasyncMs: number;
  /** Versions of what is compared. */
  packages: Record<string, string>;
  settings: { postgres: Record<string, string>; redis: Record<string, string> };
  commit: string;
}

const SYNCS = 100;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export async function describeMachine({ postgres, redis }: Servers): Promise<Machine> {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    node: process.version,
    postgres: await postgres.version(),
    redis: await redis.version(),
    fdatasyncMs: measureSync(),
    packages: { ...versionsIn('package.json', ['bullmq', 'express']), ...versionsIn('bench/package.json') },
    settings: { postgres: postgres.settings, redis: redis.settings },
    commit: describeCommit(),
  };
}

export function summarizeMachine(machine: Machine): string {
  const { cpu, cores, memoryGb, system, node, postgres, redis, fdatasyncMs, commit } = machine;
  return (
    `${cores} × ${cpu}, ${memoryGb} GB, ${system}; Node ${node}, PostgreSQL ${postgres}, Redis ${redis}; ` +
    `fdatasync takes ${fdatasyncMs.toFixed(2)} ms; commit ${commit}`
  );
}

/** @param names default: all dependencies */
function versionsIn(manifestPath: string, names?: readonly string[]): Record<string, string> {
  const { dependencies } = readJson(manifestPath) as { dependencies: Record<string, string> };
  const folder = manifestPath.replace('package.json', 'node_modules/');
  const wanted = names ?? Object.keys(dependencies);
  return Object.fromEntries(
    wanted.map((name) => [name, (readJson(`${folder}${name}/package.json`) as { version: string }).version]),
  );
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}

function describeCommit(): string {
  try {
    const args = ['describe', '--always', '--dirty'];
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown'; // a copy without git
  }
}

function measureSync(): number {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-bench-sync-'));
  const file = openSync(join(folder, 'file'), 'w');
  const page = Buffer.alloc(8192);
  const tookMs = Array.from({ length: SYNCS }, () => {
    writeSync(file, page);
    const startedAtMs = performance.now();
    fdatasyncSync(file);
    return performance.now() - startedAtMs;
  });
  closeSync(file);
  rmSync(folder, { recursive: true });
  return findPercentile(
    tookMs.toSorted((a, b) => a - b),
    50,
  );
}
