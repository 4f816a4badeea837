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
  return listNodes(folders, platform).find(existsSync);
}

/** Whether a new enough one was installed without its install script, so that it has no program. */
export function isNodeBlocked(folders, platform) {
  return listNodes(folders, platform).length > 0 && findNode(folders, platform) === undefined;
}

function listNodes(folders, platform) {
  const program = platform === 'win32' ? 'node.exe' : 'node';
  const roots = folders.flatMap(listParents).map((folder) => join(folder, 'node_modules', 'node'));
  return roots.filter((root) => majorOf(readVersion(root)) >= REQUIRED_MAJOR).map((root) => join(root, 'bin', program));
}

function listParents(folder) {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...listParents(parent)];
}

/**
 * @param {string} version
 * @param {{ isBlocked: boolean }} facts whether npm's `node` package is there, but its install script has not run
 */
export function describeRefusal(version, { isBlocked }) {
  const commands = isBlocked
    ? ['npm install-scripts approve node', 'npm rebuild node --ignore-scripts=false']
    : ['npm install --save-dev node@24'];
  return [
    `longshore needs Node.js ${REQUIRED_MAJOR} or later; this is ${version}.`,
    isBlocked ? 'npm has not run the install script of the package node. Allow it:' : 'Get it for this folder:',
    ...commands.map((command) => `  ${command}`),
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
    return '0'; // there is none
  }
}
