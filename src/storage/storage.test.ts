import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type S3Server, startS3Server } from '../../test/support/s3-server.ts';
import { createId } from '../shared/ids.ts';
import { folderOfJob } from './job-folders.ts';
import { openStorage } from './open-storage.ts';
import type { FileAddress, FileStorage, ListedOwner } from './storage.ts';
import { parseStorageUrl } from './storage-settings.ts';

const MIB = 1024 ** 2;

let folder: string;
let server: S3Server;
let storage: FileStorage;
let owner: { tenant: string; id: string };

beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server?.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-storage-'));
  owner = { tenant: 'acme', id: createId() };
  for (const [name, value] of Object.entries(server.credentials)) vi.stubEnv(name, value);
});
afterEach(() => {
  storage.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const signal = new AbortController().signal;
const at = (name: string): FileAddress => ({ ...owner, name });
const put = (name: string, content: Parameters<FileStorage['put']>[1], more = {}) =>
  storage.put(at(name), content, { signal, ...more });

async function read(name: string, range?: { start: number; end: number }): Promise<string | undefined> {
  const opened = await storage.open(at(name), range ? { range } : {});
  return opened && text(opened.stream);
}

async function listOwn(): Promise<ListedOwner[]> {
  const found: ListedOwner[] = [];
  for await (const each of storage.list()) if (each.id === owner.id) found.push(each);
  return found;
}

/** What lies there of the test's owner, hidden or not. */
async function listNames(): Promise<string[]> {
  if (storage.settings.kind === 'local') return readdirSync(folderOfJob(folder, owner)).sort();
  const prefix = `${owner.tenant}/${owner.id}/`;
  return (await server.list()).flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
}

describe.each([
  ['a folder', () => parseStorageUrl(undefined, folder)],
  ['a bucket', () => parseStorageUrl(server.url, folder)],
])('files in %s', (_, settings) => {
  beforeEach(() => {
    storage = openStorage(settings());
  });

  it('come back as bytes, text, a stream, and what a function wrote', async () => {
    async function* stream() {
      yield Buffer.from('one ');
      yield Buffer.from('two');
    }
    expect(await put('bytes.bin', new Uint8Array([0, 255]))).toBe(2);
    expect(await put('text.txt', 'ä')).toBe(2);
    expect(await put('stream.txt', stream())).toBe(7);
    expect(await put('readable.txt', Readable.from([Buffer.from('r')]))).toBe(1);
    expect(await put('written.txt', (path) => writeFile(path, 'written'))).toBe(7);
    expect(await put('empty', '')).toBe(0);
    const opened = await storage.open(at('bytes.bin'));
    expect([...(await buffer(opened?.stream ?? Readable.from([])))]).toEqual([0, 255]);
    for (const [name, content] of [
      ['text.txt', 'ä'],
      ['stream.txt', 'one two'],
      ['readable.txt', 'r'],
      ['written.txt', 'written'],
      ['empty', ''],
    ] as const) {
      expect(await read(name), name).toBe(content);
    }
  });

  it('tell their size, type, time and version', async () => {
    await put('a.csv', 'a,b');
    const first = await storage.stat(at('a.csv'));
    expect(first).toMatchObject({ bytes: 3, contentType: 'text/csv; charset=utf-8' });
    expect(Math.abs(Date.now() - Number(first?.lastModified))).toBeLessThan(60_000);
    expect(first?.etag).toMatch(/^(W\/)?"[^"]+"$/);
    await put('a.csv', 'other', { contentType: 'text/x-other' });
    const second = await storage.stat(at('a.csv'));
    expect(second).toMatchObject({ bytes: 5, contentType: 'text/x-other' });
    expect(second?.etag).not.toBe(first?.etag);
    expect(await storage.open(at('a.csv')).then((file) => file?.stream.destroy() && file)).toMatchObject(second ?? {});
    await put('a.csv', 'a,b');
    expect(await storage.stat(at('a.csv'))).toMatchObject({ contentType: 'text/csv; charset=utf-8' });
  });

  it('are read in ranges', async () => {
    await put('digits', '0123456789');
    expect(await read('digits', { start: 2, end: 4 })).toBe('234');
    const opened = await storage.open(at('digits'), { range: { start: 9, end: 9 } });
    expect(opened?.bytes).toBe(10);
    expect(await text(opened?.stream ?? Readable.from([]))).toBe('9');
  });

  it('of many parts come back whole, and from the middle', async () => {
    async function* stream() {
      for (let index = 0; index < 20; index += 1) yield Buffer.alloc(MIB, index);
    }
    expect(await put('large.bin', stream())).toBe(20 * MIB);
    const opened = await storage.open(at('large.bin'), { range: { start: 9 * MIB - 1, end: 9 * MIB } });
    expect([...(await buffer(opened?.stream ?? Readable.from([])))]).toEqual([8, 9]);
    let index = 0;
    for await (const chunk of (await storage.open(at('large.bin')))?.stream ?? []) {
      for (const byte of [0, chunk.length - 1]) expect(chunk[byte]).toBe(Math.floor((index + byte) / MIB));
      index += chunk.length;
    }
    expect(index).toBe(20 * MIB);
  });

  it.each([0, 20])('that break off after %i MiB leave nothing, and keep what was there', async (mebibytes) => {
    async function* stream() {
      yield Buffer.alloc(mebibytes * MIB);
      throw new Error('broken off');
    }
    await put('a.bin', 'former');
    await expect(put('a.bin', stream())).rejects.toThrow('broken off');
    await expect(put('b.bin', stream())).rejects.toThrow('broken off');
    expect(await listNames()).toEqual(['a.bin']);
    expect(await read('a.bin')).toBe('former');
  });

  it.each([0, 20])(
    'of %i MiB do not appear when the signal aborts, or the record refuses, at the last moment',
    async (mebibytes) => {
      const abort = new AbortController();
      const content = () => Readable.from([Buffer.alloc(mebibytes * MIB), Buffer.from('.')]);
      const aborting = { signal: abort.signal, onWhole: async () => abort.abort(new Error('superseded')) };
      await put('other', '');
      await expect(put('a.bin', content(), aborting)).rejects.toThrow('superseded');
      await expect(put('a.bin', content(), aborting)).rejects.toThrow('superseded');
      const refusing = { onWhole: (bytes: number) => Promise.reject(new Error(`refused ${bytes}`)) };
      await expect(put('a.bin', content(), refusing)).rejects.toThrow(`refused ${mebibytes * MIB + 1}`);
      expect(await listNames()).toEqual(['other']);
    },
  );

  it('are missing where nobody put them, and after they were removed', async () => {
    for (const look of [storage.open, storage.stat, storage.findPath]) expect(await look(at('a'))).toBeUndefined();
    await storage.remove(at('a'));
    await storage.removeAll(owner);
    for (const name of ['a', 'b', 'c']) await put(name, name, { contentType: 'text/x-other' });
    await storage.remove(at('a'));
    expect(await read('a')).toBeUndefined();
    expect(await read('b')).toBe('b');
    await storage.removeAll(owner);
    expect(await read('b')).toBeUndefined();
    expect(await listOwn()).toEqual([]);
  });

  it('of others stay when those of one are removed, also where one id begins another', async () => {
    const other = { ...owner, id: `${owner.id}0` };
    await put('a', '');
    await storage.put({ ...other, name: 'a' }, '', { signal });
    await storage.removeAll(owner);
    expect(await storage.stat({ ...other, name: 'a' })).toBeDefined();
  });

  it('are listed by their owner, with the time of the last change', async () => {
    for (const name of ['a', 'b']) await put(name, '');
    const [found, ...more] = await listOwn();
    expect(more).toEqual([]);
    expect(found).toMatchObject(owner);
    expect(Math.abs(Date.now() - Number(await found?.findLastChange()))).toBeLessThan(60_000);
  });

  it('belong to one installation until another one marks them, too', async () => {
    await put('a', '');
    const [first, second] = [createId(), createId()];
    const others = (marks: string[]) => marks.filter((mark) => mark.includes(first) || mark.includes(second));
    expect(others(await storage.mark(first))).toEqual([]);
    expect(others(await storage.mark(first))).toEqual([]);
    expect(others(await storage.mark(second))).toEqual([expect.stringContaining(first)]);
    expect(others(await storage.mark(first))).toEqual([expect.stringContaining(second)]);
  });

  it.each([
    ['../a', {}],
    ['a/b', {}],
    ['..', {}],
    ['.hidden', {}],
    ['a\0', {}],
    ['/etc/passwd', {}],
    ['%2e%2e%2fa', {}],
    ['', {}],
    ['a', { tenant: '..' }],
    ['a', { tenant: 'acme/x' }],
    ['a', { tenant: '' }],
    ['a', { id: '../other' }],
    ['a', { id: '..' }],
    ['a', { id: '' }],
  ])('cannot be called %j of %j', async (name, more) => {
    const address = { ...owner, ...more, name };
    await expect(storage.put(address, '', { signal })).rejects.toThrow(/cannot/);
    for (const look of [storage.open, storage.stat, storage.findPath, storage.remove]) {
      await expect(look(address)).rejects.toThrow(/cannot/);
    }
  });
});

describe('a folder', () => {
  beforeEach(() => {
    storage = openStorage({ kind: 'local', dir: folder });
  });

  it('gives no file that a link or a hidden name stands for', async () => {
    await put('a', '');
    symlinkSync('/etc/hostname', join(folderOfJob(folder, owner), 'link'));
    for (const look of [storage.open, storage.stat, storage.findPath]) {
      expect(await look(at('link'))).toBeUndefined();
    }
  });

  it('counts what is being written as a change', async () => {
    await put('a', '');
    writeFileSync(join(folderOfJob(folder, owner), '.0.x.b'), 'half');
    const [found] = await listOwn();
    expect(Math.abs(Date.now() - Number(await found?.findLastChange()))).toBeLessThan(60_000);
  });
});

describe('a bucket', () => {
  it('that is not there is no missing file', async () => {
    storage = openStorage(parseStorageUrl(server.url.replace('longshore-tests', 'other-bucket'), folder));
    const failure = { code: 'STORAGE_UNAVAILABLE', message: expect.stringContaining('other-bucket') };
    await expect(storage.open(at('a'))).rejects.toMatchObject(failure);
    await expect(put('a', '')).rejects.toMatchObject(failure);
  });
});
