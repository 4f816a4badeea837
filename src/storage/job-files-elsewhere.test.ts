import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type S3Server, startS3Server } from '../../test/support/s3-server.ts';
import { NonRetryableError } from '../define/errors.ts';
import { createId } from '../shared/ids.ts';
import { createJobFiles, type FileRecord, type JobFilesOptions, type RunFiles } from './job-files.ts';
import { openStorage } from './open-storage.ts';
import type { FileStorage } from './storage.ts';
import { parseStorageUrl } from './storage-settings.ts';

let folder: string;
let server: S3Server;
let storage: FileStorage;
const records: FileRecord[] = [];

beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server?.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-job-files-'));
  vi.stubEnv('TMPDIR', folder);
  for (const [name, value] of Object.entries(server.credentials)) vi.stubEnv(name, value);
  records.length = 0;
});
afterEach(() => {
  storage.close();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const job = { id: createId(), tenant: 'acme' };

function open(more: Partial<JobFilesOptions> = {}): RunFiles {
  const signal = new AbortController().signal;
  const record = async (file: FileRecord) => void records.push(file);
  return createJobFiles(storage, { publicUrl: undefined, job, run: 1, signal, record, ...more });
}

describe.each([
  ['a folder', () => join(folder, 'storage')],
  ['a bucket', () => server.url],
])('the files of a run in %s', (where, place) => {
  const isLocal = where === 'a folder';

  beforeEach(() => {
    // As a thread opens it: from plain data.
    const settings = isLocal ? parseStorageUrl(undefined, place()) : parseStorageUrl(place(), folder);
    storage = openStorage(structuredClone(settings));
  });

  it('are made from streams, opened and located by other runs of the tenant', async () => {
    async function* stream() {
      yield Buffer.from('one ');
      yield Buffer.from('two');
    }
    const { key, url, bytes } = await open().create('a.csv', stream());
    expect([key, url, bytes]).toEqual([`${job.id}-a.csv`, `/v1/files/${job.id}-a.csv`, 7]);
    const files = open({ job: { id: createId(), tenant: 'acme' } });
    expect(files.isLocal).toBe(isLocal);
    const opened = await files.open(url);
    expect(opened).toMatchObject({ bytes: 7, contentType: 'text/csv; charset=utf-8' });
    expect(await text(opened.stream)).toBe('one two');
    const [path, again] = await Promise.all([files.locate(key), files.locate(url)]);
    expect(again).toBe(path);
    expect(readFileSync(path, 'utf8')).toBe('one two');
    await files.close();
    expect(existsSync(path)).toBe(isLocal);
    expect(readdirSync(folder)).toEqual(isLocal ? ['storage'] : []);
  });

  it('tell the record their type and expiry just before they appear', async () => {
    const files = open();
    await files.create('a.bin', 'x', { contentType: 'text/x-note', expiresInMs: 60_000 });
    await files.create('b.bin', 'xy');
    expect(records).toEqual([
      { name: 'a.bin', bytes: 1, contentType: 'text/x-note', expiresInMs: 60_000 },
      { name: 'b.bin', bytes: 2, contentType: null, expiresInMs: null },
    ]);
    const opened = await files.open(`${job.id}-a.bin`);
    opened.stream.destroy();
    expect(opened.contentType).toBe('text/x-note');
    const refused = open({ record: () => Promise.reject(new Error('no longer the newest')) });
    await expect(refused.create('a.bin', 'late')).rejects.toThrow('no longer the newest');
    expect((await buffer((await files.open(`${job.id}-a.bin`)).stream)).toString()).toBe('x');
  });

  it('do not appear when the run is aborted meanwhile', async () => {
    const abort = new AbortController();
    const late = open({ signal: abort.signal });
    async function* stream() {
      yield Buffer.from('late');
      await open({ run: 2 }).create('c.txt', 'newer');
      abort.abort(new Error('superseded'));
    }
    await expect(late.create('c.txt', stream())).rejects.toThrow('superseded');
    await expect(late.open(`${job.id}-c.txt`)).rejects.toThrow();
    expect(await text((await open().open(`${job.id}-c.txt`)).stream)).toBe('newer');
  });

  it.each([
    [{ expiresInMs: 999 }, /expiresInMs is 999/],
    [{ expiresInMs: 1.5e12 }, /10 years/],
    [{ expiresInMs: Number.NaN }, /expiresInMs is NaN/],
    [{ contentType: 'no type' }, /"no type" is no content type/],
    [{ contentType: 'text/plain\r\nset-cookie: a=b' }, /no content type/],
  ])('refuse %j', async (options, message) => {
    await expect(open().create('d.txt', '', options)).rejects.toThrow(message);
    await expect(open().open(`${job.id}-d.txt`)).rejects.toThrow(NonRetryableError);
  });

  it('are not found where there are none, or for other tenants', async () => {
    const { key } = await open().create('e.txt', '');
    for (const look of ['open', 'locate'] as const) {
      await expect(open()[look](`${job.id}-missing`)).rejects.toThrow(/there is no file/);
      await expect(open({ job: { id: job.id, tenant: 'other' } })[look](key)).rejects.toThrow(NonRetryableError);
      await expect(open()[look]('../etc/passwd')).rejects.toThrow('neither the key nor the URL');
    }
  });
});
