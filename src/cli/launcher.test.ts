import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFakeServer } from '../../test/support/fake-server.ts';

interface Launcher {
  decideLaunch(facts: { version: string; command?: string; foundNode?: string }): { action: string; node?: string };
  findNode(folders: string[], platform: string): string | undefined;
  isNodeBlocked(folders: string[], platform: string): boolean;
  describeRefusal(version: string, facts: { isBlocked: boolean }): string;
}
// Plain JavaScript outside of the sources, since it must load on an old Node: its types are stated here.
const launcher = (await import(new URL('../../bin/launch.js', import.meta.url).href)) as Launcher;

describe('the launcher', () => {
  it('runs on a Node that is new enough', () => {
    expect(launcher.decideLaunch({ version: 'v24.0.0' })).toEqual({ action: 'run' });
    expect(launcher.decideLaunch({ version: 'v26.1.0', command: 'init' })).toEqual({ action: 'run' });
  });

  it('hands over to a newer Node where there is one', () => {
    const facts = { version: 'v20.1.0', command: 'init', foundNode: '/x/node' };
    expect(launcher.decideLaunch(facts)).toEqual({ action: 'spawn', node: '/x/node' });
  });

  it('installs one for init, and refuses every other command', () => {
    expect(launcher.decideLaunch({ version: 'v20.1.0', command: 'init' })).toEqual({ action: 'install' });
    expect(launcher.decideLaunch({ version: 'v20.1.0', command: 'start' })).toEqual({ action: 'refuse' });
    expect(launcher.describeRefusal('v20.1.0', { isBlocked: false })).toContain('npm install --save-dev node@24');
    expect(launcher.describeRefusal('v20.1.0', { isBlocked: true })).toContain('npm install-scripts approve node');
  });
});

describe('the search for a newer Node', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-launcher-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function install(parent: string, version: string): Promise<string> {
    const root = join(parent, 'node_modules', 'node');
    await mkdir(join(root, 'bin'), { recursive: true });
    await writeFile(join(root, 'package.json'), JSON.stringify({ version }));
    await writeFile(join(root, 'bin', 'node'), '');
    return join(root, 'bin', 'node');
  }

  it('goes up from the folder', async () => {
    const path = await install(folder, '24.1.0');
    expect(launcher.findNode([join(folder, 'a', 'b')], 'linux')).toBe(path);
  });

  it('passes one that is too old, and looks in the next folder', async () => {
    await install(join(folder, 'old'), '22.9.0');
    const path = await install(join(folder, 'new'), '24.1.0');
    expect(launcher.findNode([join(folder, 'old'), join(folder, 'new')], 'linux')).toBe(path);
  });

  it('passes one whose install script npm has blocked, and tells it from none', async () => {
    expect(launcher.isNodeBlocked([folder], 'linux')).toBe(false);
    await rm(join(await install(folder, '24.1.0')));
    expect(launcher.findNode([folder], 'linux')).toBeUndefined();
    expect(launcher.isNodeBlocked([join(folder, 'a')], 'linux')).toBe(true);
    await install(folder, '24.1.0');
    expect(launcher.isNodeBlocked([folder], 'linux')).toBe(false);
  });
});

describe('the command as a process', () => {
  const bin = fileURLToPath(new URL('../../bin/longshore.js', import.meta.url));
  const start = (...args: string[]) => spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });

  it('answers with an exit code', async () => {
    const child = start('--version');
    const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(printed).toMatch(/^\d+\.\d+\.\d+/);
    expect(code).toBe(0);
    expect(await once(start('no-such-command'), 'exit')).toEqual([2, null]);
  });

  it('is quiet when nobody reads on', async () => {
    await using server = await startFakeServer();
    const child = start('types', '--url', server.url, '--json');
    server.on('GET /v1/types', (_request, response) => {
      child.stdout.destroy();
      const items = Array.from({ length: 5000 }, () => ({ type: 'x'.repeat(100) }));
      response.end(JSON.stringify({ items, nextCursor: null }));
    });
    const [complaint, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(complaint).toBe('');
    expect(code).toBe(0);
  });
});
