import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const lock = `${folder}package-lock.json`;
/** The lock file that the installed packages are of. */
const installedLock = `${folder}node_modules/.installed-lock.json`;

/** Installs the packages of bench/package.json, unless they are there as its lock file says. */
export function installPeers(): void {
  if (existsSync(installedLock) && readFileSync(installedLock, 'utf8') === readFileSync(lock, 'utf8')) return;
  console.error('installing the queues that Longshore is compared with: npm ci in bench/');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error('npm ci in bench/ failed; its messages are above');
  copyFileSync(lock, installedLock);
}
