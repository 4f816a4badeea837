import { globSync, readFileSync } from 'node:fs';

/** Milliseconds of CPU that were spent since the processes began. */
export interface CpuTimes {
  node: number;
  redis: number;
  postgres: number;
}

/** Which processes count to what. */
export interface MeasuredProcesses {
  node: readonly number[];
  redis: number;
  /** The postmaster. */
  postgres: number;
}

interface ProcessTimes {
  parent: number;
  ownMs: number;
  /** Of its children that have ended. */
  endedMs: number;
}

/** The kernel counts in these on every platform that Linux runs on (USER_HZ). */
const MS_PER_TICK = 10;

/** @returns undefined where there is no /proc */
export function readCpuTimes({ node, redis, postgres }: MeasuredProcesses): CpuTimes | undefined {
  if (process.platform !== 'linux') return undefined;
  return {
    node: node.reduce((sum, pid) => sum + (readTimes(pid)?.ownMs ?? 0), 0),
    redis: readTimes(redis)?.ownMs ?? 0,
    postgres: readFamily(postgres),
  };
}

export function subtractCpuTimes(later: CpuTimes, earlier: CpuTimes): CpuTimes {
  return {
    node: later.node - earlier.node,
    redis: later.redis - earlier.redis,
    postgres: later.postgres - earlier.postgres,
  };
}

// A backend is a child of the postmaster, and counts there once it has ended.
function readFamily(postmaster: number): number {
  const times = readTimes(postmaster);
  if (!times) return 0;
  return listProcesses().reduce((sum, pid) => {
    const child = readTimes(pid);
    return child?.parent === postmaster ? sum + child.ownMs : sum;
  }, times.ownMs + times.endedMs);
}

function listProcesses(): number[] {
  return globSync('/proc/[0-9]*').map((path) => Number(path.slice('/proc/'.length)));
}

function readTimes(pid: number): ProcessTimes | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined; // it has ended
  }
}

/** Reads a line of /proc/<pid>/stat (proc_pid_stat(5)); the name in parentheses may hold anything. */
export function parseStat(line: string): ProcessTimes {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const at = (number: number) => Number(fields[number - 3]); // the manual counts from 1, and two fields are cut off
  return { parent: at(4), ownMs: (at(14) + at(15)) * MS_PER_TICK, endedMs: (at(16) + at(17)) * MS_PER_TICK };
}
