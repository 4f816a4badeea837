import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** Installs the packages of bench/package.json, unless they are there as its lock file says. */
export function installPeers(): void {
  const installed = timeOf('node_modules/.package-lock.json');
  if (installed !== undefined && installed >= (timeOf('package-lock.json') ?? 0)) return;
  console.error('installing the queues that Longshore is compared with: npm ci in bench/');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error('npm ci in bench/ failed; its messages are above');
}

function timeOf(path: string): number | undefined {
  return statSync(`${folder}${path}`, { throwIfNoEntry: false })?.mtimeMs;
}
