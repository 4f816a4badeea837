import { readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pause } from '../shared/time.ts';

const STOP_LIMIT_MS = 5_000;
const POLL_MS = 50;

/** Removes the demo's folder, and first what a program that died has left running in it. */
export async function removeLeftovers(folder: string): Promise<void> {
  await stopDatabase(join(folder, '.longshore', 'postgres', 'data', 'postmaster.pid'));
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  await removeIfEmpty(dirname(folder));
}

/** PostgreSQL removes this file when it stops; where it is left, its first line names a server that still runs. */
async function stopDatabase(pidFile: string): Promise<void> {
  const text = await readFile(pidFile, 'utf8').catch(() => ''); // no file: it has stopped, or was never there
  const pid = Number.parseInt(text, 10);
  if (!(pid > 1)) return;
  for (let waitedMs = 0; waitedMs < STOP_LIMIT_MS; waitedMs += POLL_MS) {
    // SIGINT is PostgreSQL's "fast" stop: it ends its connections and writes a checkpoint.
    if (!sendSignal(pid, waitedMs === 0 ? 'SIGINT' : 0)) return;
    await pause(POLL_MS);
  }
}

/** @returns whether the process is there */
function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** `.longshore` may have been there before, with the data of a program that is no demo. */
async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
