import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLoopbackSite } from '../../test/support/loopback-site.ts';
import { type RunJobOptions, runJob } from '../testing.ts';
import { fileProcess } from './file-process.ts';
import { toSafeName } from './file-source.ts';

type Input = Parameters<typeof runJob<{ source: string; compress?: 'gzip' | 'brotli' | 'zstd' }, unknown>>[1];
type Given = Partial<Input> & { source: string; checksum?: 'sha256' | 'sha512' | 'md5'; maxBytes?: number };

const PNG = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex');
const site = createLoopbackSite();
const JOB = '01980000-0000-7000-8000-000000000001';
let base: string;
let storageDir: string;
let root: string;

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'file-process-')));
  storageDir = join(base, 'storage');
  root = join(base, 'root');
  await mkdir(root);
});
afterEach(async () => {
  await site.close();
  await rm(base, { recursive: true, force: true });
});

function processFile(input: Given, options: RunJobOptions = {}) {
  const services = { fetch: site.fetch, storageDir, fileRoots: [root] };
  return runJob(fileProcess, input, { services, storageDir, job: { id: JOB }, ...options });
}

/** Where the result lies. */
function pathOf({ path }: { path?: string | null | undefined }): string {
  if (typeof path !== 'string') throw new Error('the result lies nowhere here');
  return path;
}

async function write(name: string, content: string | Buffer): Promise<string> {
  await writeFile(join(root, name), content);
  return join(root, name);
}

function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => Promise.reject(new Error('it should have failed')),
    (error: Error) => error,
  );
}

async function listStored(): Promise<string[]> {
  const folder = join(storageDir, '.jobs/default', JOB);
  return existsSync(folder) ? readdir(folder) : [];
}

describe('a local file', () => {
  it('is measured, named by its content type and stored unchanged', async () => {
    const source = await write('image.txt', PNG);
    const { output, progress, logs } = await processFile({ source });
    expect(output).toEqual({
      operation: 'store',
      key: `${JOB}-image.txt`,
      url: `/v1/files/${JOB}-image.txt`,
      path: join(storageDir, '.jobs/default', JOB, 'image.txt'),
      bytes: PNG.byteLength,
      storedBytes: PNG.byteLength,
      checksum: createHash('sha256').update(PNG).digest('hex'),
      checksumAlgorithm: 'sha256',
      mimeType: 'image/png',
      compression: null,
    });
    expect(await readFile(pathOf(output))).toEqual(PNG);
    expect(progress.at(-1)).toEqual({ percent: 100, message: `29 bytes stored as ${JOB}-image.txt` });
    expect(logs).toMatchObject([{ level: 'info', message: expect.stringContaining('image/png') }]);
  });

  it('may be given relative to the storage folder', async () => {
    await mkdir(storageDir);
    await writeFile(join(storageDir, 'in.txt'), 'x');
    expect((await processFile({ source: 'in.txt' })).output).toMatchObject({ key: `${JOB}-in.txt`, bytes: 1 });
  });

  it.each(['sha256', 'sha512', 'md5'] as const)(
    'gets the %s of its own bytes, not of the compressed ones',
    async (checksum) => {
      const source = await write('a', 'hello');
      const { output } = await processFile({ source, checksum, compress: 'gzip' });
      expect(output).toMatchObject({
        checksum: createHash(checksum).update('hello').digest('hex'),
        checksumAlgorithm: checksum,
      });
    },
  );

  it.each([
    ['gzip', '.gz', gunzipSync],
    ['brotli', '.br', brotliDecompressSync],
    ['zstd', '.zst', zstdDecompressSync],
  ] as const)('comes back whole from %s', async (compress, suffix, decompress) => {
    const content = Buffer.from('a line of text that repeats\n'.repeat(50_000));
    const { output } = await processFile({ source: await write('log.txt', content), compress });
    expect(output).toMatchObject({
      key: `${JOB}-log.txt${suffix}`,
      bytes: content.byteLength,
      compression: compress,
      mimeType: 'text/plain',
    });
    const stored = await readFile(pathOf(output));
    expect(output.storedBytes).toBe(stored.byteLength);
    expect(stored.byteLength).toBeLessThan(content.byteLength / 10);
    expect(decompress(stored).equals(content)).toBe(true);
  });

  it.each([
    ['empty', '', 'application/octet-stream'],
    ['text that ends within a character of the sample', `${'x'.repeat(4099)}é and more`, 'text/plain'],
    ['unknown bytes', Buffer.from([0xff, 0xfe, 0xfd, 0x00]), 'application/octet-stream'],
  ])('that is %s is stored as well', async (_, content, mimeType) => {
    const { output } = await processFile({ source: await write('a', content) });
    expect(output).toMatchObject({ bytes: Buffer.byteLength(content), mimeType });
  });

  it('replaces its own result when it runs again, and removes what a killed run left', async () => {
    const source = await write('a.txt', 'first');
    await processFile({ source });
    await writeFile(join(storageDir, `.jobs/default/${JOB}/.0.x.a.txt`), 'half');
    await writeFile(source, 'second');
    const { output } = await processFile({ source }, { attempt: 2 });
    expect(await readFile(pathOf(output), 'utf8')).toBe('second');
    expect(await listStored()).toEqual(['a.txt']);
  });

  it('of exactly maxBytes is taken; one byte more fails at once and leaves nothing', async () => {
    const source = await write('a', 'x'.repeat(100));
    await processFile({ source, maxBytes: 100 });
    const error = await failure(processFile({ source, maxBytes: 99 }, { job: { id: 'job-2' } }));
    expect(error).toMatchObject({ name: 'NonRetryableError', message: expect.stringContaining('(99 bytes)') });
    expect(await readdir(join(storageDir, '.jobs/default/job-2'))).toEqual([]);
  });

  it('of 200 MB passes through in pieces: memory does not grow with it, and progress counts its bytes', async () => {
    const size = 200 * 1024 ** 2;
    const file = await open(join(root, 'sparse.bin'), 'w');
    await file.truncate(size);
    await file.close();
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const sampler = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    }, 1);
    try {
      const { output, progress } = await processFile({ source: join(root, 'sparse.bin'), compress: 'zstd' });
      expect(output.bytes).toBe(size);
      const percents = progress.map((report) => report.percent);
      expect(percents).toEqual([...percents].sort((a, b) => a - b));
      expect(new Set(percents).size).toBeGreaterThan(90);
      expect(progress.find((report) => report.percent === 50)?.message).toMatch(/^10\d\.\d MB of 209\.7 MB$/);
    } finally {
      clearInterval(sampler);
    }
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(size / 2);
  }, 60_000);

  it('that cannot be stored is an error that another attempt may mend', async () => {
    const source = await write('a', 'x');
    await writeFile(storageDir, 'a file where the folder should be');
    expect((await failure(processFile({ source }))).name).toBe('Error');
  });
});

describe('a download', () => {
  it('is stored under the last part of its path, without asking for a content encoding', async () => {
    let accepted: string | undefined;
    const origin = await site.serve((request, response) => {
      accepted = request.headers['accept-encoding'];
      response.setHeader('content-type', 'text/html').end(PNG);
    });
    const { output, progress } = await processFile({
      source: `${origin}/a/pic%20one.png?key=secret`,
      compress: 'gzip',
    });
    expect(accepted).toBe('identity');
    expect(output).toMatchObject({ key: `${JOB}-pic_one.png.gz`, bytes: PNG.byteLength, mimeType: 'image/png' });
    expect(gunzipSync(await readFile(pathOf(output)))).toEqual(PNG);
    expect(progress[0]).toEqual({ percent: 99, message: '29 bytes of 29 bytes' });
  });

  it('of unknown size reports the bytes so far', async () => {
    const origin = await site.serve((_, response) => {
      response.write('part');
      response.end();
    });
    const { output, progress } = await processFile({ source: origin });
    expect(output).toMatchObject({ key: `${JOB}-file`, bytes: 4 });
    expect(progress[0]).toEqual({ percent: 0, message: '4 bytes' });
  });

  it.each([
    [404, {}, 'NonRetryableError'],
    [503, {}, 'Error'],
    [429, { 'retry-after': '7' }, 'RetryLaterError'],
  ])('answered with %i ends as http:request would', async (status, headers, name) => {
    const origin = await site.serve((_, response) => response.writeHead(status, headers).end());
    const error = await failure(processFile({ source: `${origin}/a?key=secret` }));
    expect(error.name).toBe(name);
    expect(error.message).toMatch(new RegExp(`GET ${origin}/a answered ${status}`));
    expect(error.message).not.toContain('secret');
  });

  it('from a refused address fails at once', async () => {
    const error = await failure(processFile({ source: 'http://192.168.0.1/a' }));
    expect(error).toMatchObject({ name: 'NonRetryableError', cause: { code: 'ADDRESS_REFUSED' } });
  });

  it('larger than maxBytes fails at once and leaves nothing', async () => {
    const closed = Promise.withResolvers<void>();
    const origin = await site.serve((request, response) => {
      request.socket.once('close', closed.resolve);
      const fill = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', fill);
      fill();
    });
    const error = await failure(processFile({ source: origin, maxBytes: 1_000_000 }));
    expect(error).toMatchObject({ name: 'NonRetryableError', message: expect.stringContaining('maxBytes') });
    expect(await listStored()).toEqual([]);
    await closed.promise;
  });

  it('that breaks off is tried again and leaves nothing', async () => {
    const origin = await site.serve((request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('part', () => request.socket.destroy());
    });
    const error = await failure(processFile({ source: `${origin}/a` }));
    expect(error).toMatchObject({ name: 'Error', message: expect.stringContaining(`GET ${origin}/a failed`) });
    expect(await listStored()).toEqual([]);
  });

  it('that is aborted half way ends with the reason, closes its connection and keeps the earlier result', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by a person');
    const closed = Promise.withResolvers<void>();
    let isSecond = false;
    const origin = await site.serve((request, response) => {
      if (!isSecond) return response.end('whole');
      request.socket.once('close', closed.resolve);
      return response.writeHead(200).write('half', () => controller.abort(reason));
    });
    const first = await processFile({ source: `${origin}/a` });
    isSecond = true;
    expect(await failure(processFile({ source: `${origin}/a` }, { signal: controller.signal }))).toBe(reason);
    await closed.promise;
    expect(await listStored()).toEqual(['a']);
    expect(await readFile(pathOf(first.output), 'utf8')).toBe('whole');
  });

  it('is not begun when the signal has aborted already', async () => {
    const reason = new Error('too late');
    const error = await failure(processFile({ source: root }, { signal: AbortSignal.abort(reason) }));
    expect(error).toBe(reason);
  });
});

describe('an invalid input', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['no source', { source: undefined }, 'input.source'],
    ['an empty source', { source: '' }, 'input.source'],
    ['sources where one is stored', { sources: ['a'] }, 'input.sources'],
    ['a compression of an archive', { operation: 'unzip', compress: 'gzip' }, 'input.compress'],
    ['an unknown operation', { operation: 'rar' }, 'input.operation'],
    ['another protocol', { source: 'ftp://example.com/a' }, 'input.source'],
    ['a file URL', { source: 'file:///etc/passwd' }, 'input.source'],
    ['a password in the URL', { source: 'https://me:pw@example.com/a' }, 'input.source'],
    ['NUL in the path', { source: 'a\u0000b' }, 'input'],
    ['an unknown compression', { compress: 'rar' }, 'input.compress'],
    ['an unknown checksum', { checksum: 'crc32' }, 'input.checksum'],
    ['a negative limit', { maxBytes: -1 }, 'input.maxBytes'],
    ['a field that is not known', { bogus: 1 }, 'input.bogus'],
  ])('is refused with its path: %s', async (_, fields, path) => {
    await expect(processFile({ source: 'a', ...fields })).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [expect.objectContaining({ path })],
    });
  });
});

describe('toSafeName', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', 'passwd'],
    ['.env', 'env'],
    ['', 'file'],
    ['...', 'file'],
    ['Größe 1.txt', 'Grosse_1.txt'],
    [`${'x'.repeat(100)}.tar`, `${'x'.repeat(56)}.tar`],
  ])('makes %j %j', (text, name) => expect(toSafeName(text)).toBe(name));
});
