import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NonRetryableError } from '../define/errors.ts';
import { createId } from '../shared/ids.ts';
import { createJobFiles, type JobFilesOptions } from './job-files.ts';
import { folderOfJob } from './job-folders.ts';
import { createLocalStorage } from './local-storage.ts';

let storageDir: string;
beforeEach(() => {
  storageDir = mkdtempSync(join(tmpdir(), 'longshore-job-files-'));
});
afterEach(() => rmSync(storageDir, { recursive: true }));

const job = { id: createId(), tenant: 'acme' };

function open(more: Partial<JobFilesOptions> = {}) {
  return createJobFiles(createLocalStorage({ kind: 'local', dir: storageDir }), {
    publicUrl: undefined,
    job,
    run: 1,
    signal: new AbortController().signal,
    record: async () => undefined,
    ...more,
  });
}

const namesOf = (id = job.id) => readdirSync(folderOfJob(storageDir, { tenant: 'acme', id })).sort();

describe('the files of a job', () => {
  it('names a file by its job, and finds it again by its key and by every form of its URL', async () => {
    const file = await open().create('a-video.mp4', 'content');
    const key = `${job.id}-a-video.mp4`;
    expect(file).toEqual({ key, url: `/v1/files/${key}`, bytes: 7 });
    const elsewhere = open({ job: { id: createId(), tenant: 'acme' } });
    const forms = [key, file.url, `https://jobs.example.com/longshore/v1/files/${key}?download#t=5`, `v1/files/${key}`];
    const paths = await Promise.all(forms.map((form) => elsewhere.locate(form)));
    expect(new Set(paths)).toEqual(new Set([join(folderOfJob(storageDir, job), 'a-video.mp4')]));
    expect(readFileSync(paths[0] ?? '', 'utf8')).toBe('content');
  });

  it('begins URLs with PUBLIC_URL', async () => {
    const files = open({ publicUrl: 'https://jobs.example.com/longshore' });
    expect((await files.create('a.txt', '')).url).toBe(`https://jobs.example.com/longshore/v1/files/${job.id}-a.txt`);
  });

  it('takes bytes, text, or a function that writes to a path with the same ending', async () => {
    const files = open();
    let given = '';
    const written = await files.create('clip.mp4', async (path) => {
      given = path;
      await writeFile(path, 'moving');
    });
    expect(written.bytes).toBe(6);
    expect(extname(given)).toBe('.mp4');
    expect((await files.create('text.txt', 'ä')).bytes).toBe(2);
    expect((await files.create('bytes.bin', new Uint8Array(3))).bytes).toBe(3);
    expect(namesOf()).toEqual(['bytes.bin', 'clip.mp4', 'text.txt']);
  });

  it('shows a file only when it is whole, and keeps the former one until then', async () => {
    const files = open();
    await files.create('a.txt', 'old');
    await files.create('a.txt', async (path) => {
      await writeFile(path, 'new');
      expect(basename(path)).toMatch(/^\./);
      expect(readFileSync(await files.locate(`${job.id}-a.txt`), 'utf8')).toBe('old');
    });
    expect(readFileSync(await files.locate(`${job.id}-a.txt`), 'utf8')).toBe('new');
  });

  it('makes several files at once', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `${index}.txt`);
    const files = open();
    await Promise.all(names.map((name) => files.create(name, name)));
    expect(namesOf()).toEqual([...names].sort());
  });

  it('keeps nothing of a function that throws, writes nothing, or makes no file', async () => {
    const files = open();
    const failing = files.create('a.txt', async (path) => {
      await writeFile(path, 'half');
      throw new Error('ffmpeg ended with 1');
    });
    await expect(failing).rejects.toThrow('ffmpeg ended with 1');
    await expect(files.create('b.txt', async () => undefined)).rejects.toThrow('has written no file for b.txt');
    await expect(files.create('c', async (path) => void mkdirSync(path))).rejects.toThrow('has written no file');
    await expect(files.create('d', async (path) => symlinkSync('/etc/hostname', path))).rejects.toThrow('no file');
    expect(namesOf()).toEqual([]);
  });

  it('leaves the file of a newer run alone when its own run was over before it finished', async () => {
    const abort = new AbortController();
    const late = open({ signal: abort.signal });
    const creating = late.create('a.txt', async (path) => {
      await writeFile(path, 'late');
      await open({ run: 2 }).create('a.txt', 'newer');
      abort.abort(new Error('superseded'));
    });
    await expect(creating).rejects.toThrow('superseded');
    await expect(late.create('b.txt', '')).rejects.toThrow('superseded');
    expect(readFileSync(await open().locate(`${job.id}-a.txt`), 'utf8')).toBe('newer');
    expect(namesOf()).toEqual(['a.txt']);
  });

  it('removes what killed runs left half written, and not what a newer run is writing', async () => {
    await open().create('a.txt', 'whole');
    const folder = folderOfJob(storageDir, job);
    for (const run of [2, 3, 20]) writeFileSync(join(folder, `.${run}.x.video.mp4`), 'half');
    await open({ run: 3 }).create('b.txt', '');
    expect(namesOf()).toEqual(['.20.x.video.mp4', '.3.x.video.mp4', 'a.txt', 'b.txt']);
  });

  it.each(['', '.', '..', '.hidden', '../a', 'a/b', 'a\\b', '/etc/passwd', 'a b', 'ä', 'a\0', '-a', 'x'.repeat(101)])(
    'refuses %j as a name',
    async (name) => {
      await expect(open().create(name, '')).rejects.toThrow(NonRetryableError);
      await expect(open().locate(`${job.id}-${name}`)).rejects.toThrow(NonRetryableError);
      await expect(open().locate(`/v1/files/${job.id}-${name}`)).rejects.toThrow(NonRetryableError);
    },
  );

  it('does not find files of other tenants, folders, links, half-written ones, or anything else', async () => {
    const { key } = await open().create('a.txt', '');
    await expect(open({ job: { id: job.id, tenant: 'other' } }).locate(key)).rejects.toThrow(/there is no file/);
    const folder = folderOfJob(storageDir, job);
    mkdirSync(join(folder, 'folder'));
    symlinkSync('/etc/hostname', join(folder, 'link'));
    writeFileSync(join(folder, '.1.x.a.txt'), '');
    for (const name of ['folder', 'link', '.1.x.a.txt', 'missing', 'a.txt%00', '%2e%2e%2fa.txt']) {
      await expect(open().locate(`${job.id}-${name}`), name).rejects.toThrow(NonRetryableError);
    }
    for (const text of ['', 'a.txt', `${job.id}/a.txt`, `${job.id.toUpperCase()}-a.txt`, `../${job.id}-a.txt`]) {
      await expect(open().locate(text), text).rejects.toThrow('neither the key nor the URL');
    }
  });
});
