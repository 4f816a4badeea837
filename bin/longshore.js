#!/usr/bin/env node
// The `longshore` command: finds a Node that is new enough, then runs src/cli (or dist/cli in the package).
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { decideLaunch, describeRefusal, findNode, isNodeBlocked, REQUIRED_MAJOR } from './launch.js';

const EXIT_USAGE = 2;
const ownPath = fileURLToPath(import.meta.url);
const args = process.argv.slice(2);

const folders = [process.cwd(), dirname(dirname(ownPath))];

function locateNode() {
  return findNode(folders, process.platform);
}

function refuse() {
  console.error(describeRefusal(process.version, { isBlocked: isNodeBlocked(folders, process.platform) }));
  process.exitCode = EXIT_USAGE;
}

async function run() {
  if (command === 'start') limitHeap(); // before the cache, which is kept by flags
  module.enableCompileCache(); // halves the time that a command takes to begin
  const source = new URL('../src/cli/main.ts', import.meta.url);
  const { runCli } = await import(
    existsSync(source) ? source.href : new URL('../dist/cli/main.js', import.meta.url).href
  );
  const exitCode = await runCli(args, process.env);
  if (exitCode !== undefined) process.exitCode = exitCode;
}

function limitHeap() {
  // What a start loads stays: V8 would make much room for young objects meanwhile, and keep it. src/main.ts undoes this.
  setFlagsFromString('--semi-space-growth-factor=1');
  // A full collection when the heap is half as much again as what was in use; V8 lets it grow up to fourfold.
  setFlagsFromString('--heap-growing-percent=50');
}

function runOn(node) {
  const child = spawn(node, [ownPath, ...args], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both processes already; a second SIGINT would count as "stop at once".
  const hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on('SIGINT', () => {
    if (!hasTerminal) child.kill('SIGINT');
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    console.error(`longshore could not start ${node}: ${error.message}`);
    process.exitCode = EXIT_USAGE;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal];
  });
}

function install() {
  console.error(`longshore needs Node.js ${REQUIRED_MAJOR} or later; this is ${process.version}.`);
  console.error('Installing it for this folder: npm install --save-dev node@24\n');
  // "error": npm would warn of every package that asks for a newer Node than this one.
  runNpm('install', '--save-dev', '--no-audit', '--no-fund', '--loglevel', 'error', 'node@24');
  if (isNodeBlocked(folders, process.platform)) {
    // npm 12 runs no install script that package.json does not allow.
    console.error('\nAllowing its install script: npm install-scripts approve node');
    runNpm('install-scripts', 'approve', '--no-allow-scripts-pin', '--loglevel', 'error', 'node');
    runNpm('rebuild', '--loglevel', 'error', 'node');
  }
  const node = locateNode();
  if (node !== undefined) return runOn(node);
  console.error('\nnpm did not install it.');
  refuse();
}

function runNpm(...npmArgs) {
  // --prefix, since npm would otherwise choose a folder above that has a package.json.
  const options = { stdio: ['inherit', 2, 2], shell: process.platform === 'win32' };
  spawnSync('npm', [...npmArgs, '--prefix', '.'], options);
}

const command = args.find((arg) => !arg.startsWith('-'));
const decision = decideLaunch({ version: process.version, command, foundNode: locateNode() });
if (decision.action === 'run') await run();
else if (decision.action === 'spawn') runOn(decision.node);
else if (decision.action === 'install') install();
else refuse();
