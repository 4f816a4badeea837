import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBelow } from './file-access.ts';

let base: string;
let storage: string;
let root: string;
let outside: string;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'file-access-')));
  [storage, root, outside] = [join(base, '.data/storage'), join(base, 'root'), join(base, 'outside')];
  for (const folder of [storage, root, outside, join(root, 'sub'), join(root, '.git')]) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'file.txt'), folder);
  }
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function read(source: string): Promise<string> {
  const { handle } = await openBelow([storage, root], source);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

const outsideRoots = { name: 'NonRetryableError', message: expect.stringMatching(/may not be read:.*FILE_ROOTS/) };

describe('openBelow', () => {
  it('opens files below a root, absolute or relative to the first one', async () => {
    expect(await read(join(root, 'sub/file.txt'))).toBe(join(root, 'sub'));
    expect(await read('file.txt')).toBe(storage);
    expect(await read(relative(storage, join(root, 'file.txt')))).toBe(root);
    expect(await openBelow([storage], 'file.txt').then(({ handle, bytes }) => handle.close().then(() => bytes))).toBe(
      storage.length,
    );
  });

  it('looks for a relative path below each root in turn', async () => {
    expect(await read('sub/file.txt')).toBe(join(root, 'sub'));
    await expect(read('sub/none.txt')).rejects.toThrow('"sub/none.txt" does not exist');
  });

  it('follows links that stay below a root, also from one root to the other', async () => {
    await symlink(join(root, 'sub'), join(root, 'link'));
    await symlink(join(root, 'file.txt'), join(storage, 'link.txt'));
    expect(await read(join(root, 'link/file.txt'))).toBe(join(root, 'sub'));
    expect(await read('link.txt')).toBe(root);
  });

  it('takes a root that is a link itself, by either name', async () => {
    const alias = join(base, 'alias');
    await symlink(root, alias);
    for (const source of [join(alias, 'file.txt'), join(root, 'file.txt')]) {
      const { handle } = await openBelow([storage, alias], source);
      await handle.close();
    }
  });

  it('ignores roots that do not exist', async () => {
    const { handle } = await openBelow([join(base, 'none'), root], join(root, 'file.txt'));
    await handle.close();
    await expect(openBelow([join(base, 'none'), root], 'a.txt')).rejects.toThrow('"a.txt" does not exist');
  });

  it('refuses what lies outside, and does not say whether it exists', async () => {
    for (const source of ['/etc/passwd', '../../outside/file.txt', join(outside, 'file.txt'), `${root}-other/file`]) {
      await expect(read(source), source).rejects.toMatchObject(outsideRoots);
    }
    const of = (name: string) => read(join(outside, name)).catch((error: Error) => error.message.replace(name, '…'));
    expect(await of('file.txt')).toBe(await of('none.txt'));
  });

  it('refuses a link that leads outside, as the file or as a folder on the way', async () => {
    await symlink(join(outside, 'file.txt'), join(root, 'escape.txt'));
    await symlink(outside, join(root, 'sub/escape'));
    await symlink('../outside/file.txt', join(root, 'relative.txt'));
    for (const source of ['escape.txt', 'sub/escape/file.txt', 'relative.txt']) {
      await expect(read(join(root, source)), source).rejects.toMatchObject(outsideRoots);
    }
  });

  it('refuses hidden files and what lies in hidden folders, also through a link', async () => {
    await writeFile(join(root, '.env'), 'SECRET=1');
    await symlink(join(root, '.env'), join(root, 'visible'));
    for (const source of ['.env', '.git/file.txt', 'visible']) {
      await expect(read(join(root, source)), source).rejects.toMatchObject(outsideRoots);
    }
  });

  it('says clearly why a file cannot be read', async () => {
    await symlink('loop', join(root, 'loop'));
    const cases = {
      'none.txt': 'does not exist',
      'file.txt/more': 'does not exist: a part of the path is no folder',
      loop: 'is a loop of symbolic links',
      sub: 'is a folder, not a file',
      [`${'x'.repeat(300)}`]: 'has too long a name',
    };
    for (const [name, message] of Object.entries(cases)) {
      const source = join(root, name);
      await expect(read(source)).rejects.toMatchObject({
        name: 'NonRetryableError',
        message: `"${source}" ${message}`,
      });
    }
  });

  it.skipIf(process.getuid?.() === 0)('says that permission is missing', async () => {
    await writeFile(join(root, 'closed'), 'x', { mode: 0o000 });
    await expect(read(join(root, 'closed'))).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining('permission denied'),
    });
  });

  it.skipIf(process.platform === 'win32')('refuses pipes and sockets without waiting for their other end', async () => {
    execFileSync('sh', ['-c', 'mkfifo "$0"', join(root, 'pipe')]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, 'socket'), resolve));
    try {
      for (const name of ['pipe', 'socket']) {
        await expect(read(join(root, name))).rejects.toMatchObject({
          name: 'NonRetryableError',
          message: expect.stringContaining('is not a regular file'),
        });
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
