// Decides on which Node the program runs. This file and longshore.js must load on Node 16: no newer syntax here.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const REQUIRED_MAJOR = 24;

/**
 * @param {{ version: string, command: string | undefined, foundNode: string | undefined }} facts
 * @returns {{ action: 'run' } | { action: 'spawn', node: string } | { action: 'install' } | { action: 'refuse' }}
 */
export function decideLaunch({ version, command, foundNode }) {
  if (majorOf(version) >= REQUIRED_MAJOR) return { action: 'run' };
  if (foundNode !== undefined) return { action: 'spawn', node: foundNode };
  return command === 'init' ? { action: 'install' } : { action: 'refuse' };
}

/**
 * Looks for npm's `node` package, from each folder upwards.
 * @param {string[]} folders
 * @param {NodeJS.Platform} platform
 * @returns {string | undefined} the path of its program, when it is new enough
 */
export function findNode(folders, platform) {
  const program = platform === 'win32' ? 'node.exe' : 'node';
  for (const start of folders) {
    for (let folder = start; ; folder = dirname(folder)) {
      const root = join(folder, 'node_modules', 'node');
      const path = join(root, 'bin', program);
      if (existsSync(path) && majorOf(readVersion(root)) >= REQUIRED_MAJOR) return path;
      if (dirname(folder) === folder) break;
    }
  }
  return undefined;
}

/** @param {string} version */
export function describeRefusal(version) {
  return [
    `longshore needs Node.js ${REQUIRED_MAJOR} or later; this is ${version}.`,
    'Get it for this folder:  npm install --save-dev node@24',
    'Then run the same command again.',
  ].join('\n');
}

/** @param {string} version `v20.1.0` or `20.1.0` */
function majorOf(version) {
  return Number(version.replace(/^v/, '').split('.')[0]);
}

function readVersion(root) {
  try {
    return String(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
  } catch {
    return '0'; // an unfinished installation
  }
}
