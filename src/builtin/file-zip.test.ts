import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fromBufferPromise } from 'yauzl';
import { type Options, ZipFile } from 'yazl';
import { createLoopbackSite } from '../../test/support/loopback-site.ts';
import { type RunJobOptions, runJob } from '../testing.ts';
import { fileProcess } from './file-process.ts';

const JOB = '01980000-0000-7000-8000-000000000001';
const MIB = 1024 ** 2;
const site = createLoopbackSite();
let base: string;
let root: string;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'file-zip-')));
  root = base;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await site.close();
  rmSync(base, { recursive: true });
});

type Input = Parameters<typeof runJob<Record<string, unknown>, unknown>>[1];

function run(input: Input, options: RunJobOptions = {}) {
  const services = { fetch: site.fetch, storageDir: join(base, 'storage'), fileRoots: [root] };
  return runJob(fileProcess, input as { source: string }, {
    services,
    storageDir: join(base, 'storage'),
    job: { id: JOB, createdAt: new Date(0) },
    ...options,
  });
}

const unzip = (archive: Buffer, more: Record<string, unknown> = {}) =>
  run({ operation: 'unzip', source: write('archive.zip', archive), ...more });

function write(name: string, content: string | Buffer): string {
  writeFileSync(join(root, name), content);
  return join(root, name);
}

/** What the job has kept, by name; hidden and half-written files too. */
function listKept(): string[] {
  const folder = join(base, 'storage/.jobs/default', JOB);
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

const readKept = (name: string) => readFileSync(join(base, 'storage/.jobs/default', JOB, name));

interface Packed {
  name: string;
  content?: string | Buffer;
  options?: Partial<Options>;
}

async function pack(...files: Packed[]): Promise<Buffer> {
  const archive = new ZipFile();
  for (const { name, content = '', options = {} } of files) archive.addBuffer(Buffer.from(content), name, options);
  archive.end();
  return buffer(archive.outputStream);
}

/** Replaces text wherever it is, by as much: what no well-meaning program writes. */
function forge(archive: Buffer, from: string, to: string): Buffer {
  if (from.length !== to.length) throw new Error('the lengths differ');
  return Buffer.from(archive.toString('latin1').replaceAll(from, to), 'latin1');
}

/** Changes the entries of the directory. */
function forgeDirectory(archive: Buffer, change: (entry: Buffer) => void): Buffer {
  const forged = Buffer.from(archive);
  for (
    let at = forged.indexOf('PK\x01\x02', 0, 'latin1');
    at !== -1;
    at = forged.indexOf('PK\x01\x02', at + 4, 'latin1')
  ) {
    change(forged.subarray(at));
  }
  return forged;
}

describe('zip', () => {
  it('packs files, stored ones and downloads under names that differ, the same at every attempt', async () => {
    const origin = await site.serve((_, response) => response.end('from afar'));
    const made = await run({ source: write('stored.txt', 'stored') }, { job: { id: JOB.replace('1980', '1981') } });
    const sources = [write('a.txt', 'first'), made.output.key, `${origin}/x/A.TXT`, made.output.url];
    const { output, files } = await run({ operation: 'zip', sources, name: 'all of it' });
    expect(output).toMatchObject({
      operation: 'zip',
      key: `${JOB}-all_of_it.zip`,
      bytes: 5 + 6 + 9 + 6,
      mimeType: 'application/zip',
      entries: [
        { entry: 'a.txt', bytes: 5 },
        { entry: 'stored.txt', bytes: 6 },
        { entry: 'A-2.TXT', bytes: 9 },
        { entry: 'stored-2.txt', bytes: 6 },
      ],
    });
    const archive = readFileSync(files[0]?.path ?? '');
    expect(output.storedBytes).toBe(archive.length);
    const read = await fromBufferPromise(archive, { lazyEntries: true });
    const contents: Record<string, string> = {};
    for await (const entry of read.eachEntry()) {
      contents[entry.fileName] = (await buffer(await read.openReadStreamPromise(entry))).toString();
    }
    expect(contents).toEqual({
      'a.txt': 'first',
      'stored.txt': 'stored',
      'A-2.TXT': 'from afar',
      'stored-2.txt': 'stored',
    });
    expect((await run({ operation: 'zip', sources, name: 'all of it' })).output.checksum).toBe(output.checksum);
  });

  it.each([
    ['does not exist', ['a', 'missing'], {}, /does not exist/],
    ['may not be read', ['a', '/etc/passwd'], {}, /may not be read/],
    ['makes all together larger than maxBytes', ['a', 'a'], { maxBytes: 15 }, /maxBytes/],
  ])('keeps nothing when a source %s', async (_, names, more, message) => {
    write('a', 'x'.repeat(10));
    const sources = names.map((name) => (name.startsWith('/') ? name : join(root, name)));
    await expect(run({ operation: 'zip', sources, ...more })).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringMatching(message),
    });
    expect(listKept()).toEqual([]);
  });

  it('ends when it is aborted, and closes the download that it waits for', async () => {
    const abort = new AbortController();
    const closed = Promise.withResolvers<void>();
    const origin = await site.serve((request, response) => {
      request.socket.once('close', closed.resolve);
      response.writeHead(200).write('half', () => abort.abort(new Error('cancelled')));
    });
    const running = run({ operation: 'zip', sources: [`${origin}/a`] }, { signal: abort.signal });
    await expect(running).rejects.toThrow('cancelled');
    await closed.promise;
    expect(listKept()).toEqual([]);
  });
});

describe('unzip', () => {
  it('keeps each file of an archive, under safe names that differ', async () => {
    const archive = await pack(
      { name: 'a.txt', content: 'first' },
      { name: 'folder/a.txt', content: 'second' },
      { name: 'folder_a.txt', content: 'third' },
      { name: 'Größe 1/.env', content: Buffer.alloc(3 * MIB) },
      { name: 'stored', content: 'as it is', options: { compress: false } },
      { name: 'empty', content: '' },
    );
    const { output, progress } = await unzip(archive);
    const names = ['a.txt', 'folder_a.txt', 'folder_a-2.txt', 'Grosse_1_.env', 'stored', 'empty'];
    expect(output.files?.map(({ name, entry }) => [entry, name])).toEqual([
      ['a.txt', names[0]],
      ['folder/a.txt', names[1]],
      ['folder_a.txt', names[2]],
      ['Größe 1/.env', names[3]],
      ['stored', names[4]],
      ['empty', names[5]],
    ]);
    expect(output.files?.[1]).toEqual({
      entry: 'folder/a.txt',
      name: 'folder_a.txt',
      key: `${JOB}-folder_a.txt`,
      url: `/v1/files/${JOB}-folder_a.txt`,
      path: join(base, 'storage/.jobs/default', JOB, 'folder_a.txt'),
      bytes: 6,
    });
    expect(output.bytes).toBe(5 + 6 + 5 + 3 * MIB + 8);
    expect(listKept()).toEqual([...names].sort());
    expect(readKept('folder_a-2.txt').toString()).toBe('third');
    expect(progress.at(-1)?.percent).toBe(100);
  });

  it('leaves folders out, and takes an archive from a server or from another job', async () => {
    const archive = new ZipFile();
    archive.addEmptyDirectory('folder');
    archive.addBuffer(Buffer.from('x'), 'folder/a');
    archive.end();
    const content = await buffer(archive.outputStream);
    const origin = await site.serve((_, response) => response.end(content));
    const temporary = join(base, 'tmp');
    mkdirSync(temporary);
    vi.stubEnv('TMPDIR', temporary);
    expect((await run({ operation: 'unzip', source: `${origin}/a.zip` })).output.files).toHaveLength(1);
    expect(readdirSync(temporary)).toEqual([]);
    const made = await run({ source: write('a.zip', content) });
    expect((await run({ operation: 'unzip', source: made.output.url })).output.files?.[0]?.name).toBe('folder_a');
  });

  const good = { name: 'good.txt', content: 'good' };

  it.each<[string, () => Promise<Buffer>, Record<string, unknown>, RegExp]>([
    [
      'a path that leads out',
      async () => forge(await pack(good, { name: 'AA/evil' }), 'AA/evil', '../evil'),
      {},
      /\.\.\/evil/,
    ],
    [
      'a path that leads out further in',
      async () => forge(await pack(good, { name: 'a/AA/x' }), 'a/AA/x', 'a/../x'),
      {},
      /a\/\.\.\/x/,
    ],
    ['an absolute path', async () => forge(await pack(good, { name: 'Aetc/x' }), 'Aetc/x', '/etc/x'), {}, /\/etc\/x/],
    ['a path of Windows', async () => forge(await pack(good, { name: 'CAAx' }), 'CAAx', 'C:\\x'), {}, /not unpacked/],
    ['backslashes', async () => forge(await pack(good, { name: 'a_b' }), 'a_b', 'a\\b'), {}, /not unpacked/],
    [
      'a symbolic link',
      () => pack(good, { name: 'link', content: '/etc/passwd', options: { mode: 0o120_777 } }),
      {},
      /"link" is a link/,
    ],
    ['a device', () => pack(good, { name: 'null', options: { mode: 0o020_666 } }), {}, /"null" is a link or a device/],
    [
      'encryption',
      async () => forgeDirectory(await pack(good), (entry) => entry.writeUInt16LE(entry.readUInt16LE(8) | 1, 8)),
      {},
      /"good.txt" is encrypted/,
    ],
    [
      'an unknown packing',
      async () => forgeDirectory(await pack(good), (entry) => entry.writeUInt16LE(14, 10)),
      {},
      /not known here/,
    ],
    ['too many entries', () => pack(good, { name: 'b' }, { name: 'c' }), { maxEntries: 2 }, /more than 2 entries/],
    [
      'a directory that would fill the memory',
      () => pack(...Array.from({ length: 80 }, (_, n) => ({ name: `${n}${'x'.repeat(60_000)}` }))),
      {},
      /larger than 4 MiB/,
    ],
    [
      'too many bytes',
      () => pack(good, { name: 'b', content: 'x'.repeat(8000) }),
      { maxBytes: 5000 },
      /larger than maxBytes/,
    ],
    ['a bomb', () => pack(good, { name: 'bomb', content: Buffer.alloc(12 * MIB) }), {}, /more than 200 times/],
    [
      'a size that is smaller than the file',
      async () =>
        forgeDirectory(await pack(good, { name: 'liar', content: Buffer.alloc(12 * MIB) }), (entry) =>
          entry.writeUInt32LE(4, 24),
        ),
      {},
      /too many bytes/,
    ],
    [
      'a size that is larger than the file',
      async () => forgeDirectory(await pack(good), (entry) => entry.writeUInt32LE(5, 24)),
      {},
      /not enough bytes/,
    ],
    [
      'a damaged file',
      async () =>
        forge(await pack(good, { name: 'b', content: 'CONTENT', options: { compress: false } }), 'CONTENT', 'CONTEMT'),
      {},
      /"b" is damaged/,
    ],
    [
      'half of it missing',
      async () => (await pack(good, { name: 'b', content: 'x' })).subarray(0, 60),
      {},
      /not unpacked/,
    ],
    ['something else than an archive', async () => Buffer.from('just text, and not a short one'), {}, /not unpacked/],
    ['nothing in it', async () => Buffer.alloc(0), {}, /not unpacked/],
  ])('keeps nothing of an archive with %s', async (_, make, more, message) => {
    await expect(unzip(await make(), more)).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringMatching(message),
    });
    expect(listKept()).toEqual([]);
  });

  it('takes what packs well while it is small, and as much as maxRatio allows', async () => {
    await unzip(await pack({ name: 'a', content: Buffer.alloc(9 * MIB) }));
    await unzip(await pack({ name: 'b', content: Buffer.alloc(12 * MIB) }), { maxRatio: 2000 });
    expect(listKept()).toEqual(['a', 'b']);
  });
});
