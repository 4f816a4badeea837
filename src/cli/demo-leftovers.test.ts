import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeLeftovers } from './demo-leftovers.ts';

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'longshore-leftovers-'));
  folder = join(root, '.longshore', 'demo');
  await mkdir(join(folder, '.longshore', 'postgres', 'data'), { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

it('stops a database that a program left behind, and removes its data', async () => {
  const server = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const exited = once(server, 'exit');
  await once(server, 'spawn');
  await writeFile(join(folder, '.longshore', 'postgres', 'data', 'postmaster.pid'), `${server.pid}\n${folder}\n`);
  await removeLeftovers(folder);
  expect(await exited).toEqual([null, 'SIGINT']);
  expect(await readdir(root)).toEqual([]);
});

it('leaves the data of a program that is no demo', async () => {
  await writeFile(join(root, '.longshore', 'mine'), '');
  await removeLeftovers(folder);
  expect(await readdir(join(root, '.longshore'))).toEqual(['mine']);
});

it('takes no harm from a file that names a server which is gone', async () => {
  await writeFile(join(folder, '.longshore', 'postgres', 'data', 'postmaster.pid'), '999999999\n');
  await removeLeftovers(folder);
  expect(await readdir(root)).toEqual([]);
});
