import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs a shell script as soon as this process has ended, however it ends: the pipe to the script closes then. So no test
 * run leaves a server or a folder behind, not even one that is killed.
 * @param args seen by the script as "$1", "$2", …
 */
export function runWhenOrphaned(script: string, ...args: string[]): { runNow(): Promise<void> } {
  const guard = spawn('/bin/sh', ['-c', `read -r _; ${script}`, 'sh', ...args], {
    detached: true, // Ctrl-C must not end it before its work is done
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  const pipe = guard.stdin as typeof guard.stdin & { unref(): void };
  guard.unref();
  pipe.unref();
  const ended = once(guard, 'exit');
  return {
    runNow: async () => {
      guard.ref();
      pipe.end();
      await ended;
    },
  };
}
