import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBufferPromise } from 'yauzl';
import { ZipFile } from 'yazl';
import { createClient } from '../../src/client.ts';
import type { JobResource } from '../../src/contract/job.ts';
import { createLoopbackSite } from '../support/loopback-site.ts';
import { Installation, type Program } from '../support/program.ts';
import { type S3Server, startS3Server } from '../support/s3-server.ts';
import { listStored } from '../support/stored-files.ts';

const MIB = 1024 ** 2;

interface FileOutput {
  key: string;
  url: string;
  path: string | null;
  bytes: number;
  storedBytes: number;
  mimeType: string;
  files: { entry: string; url: string; path: string | null }[];
  image: Record<string, unknown>;
}

interface ImageOutput {
  images: { variant: string | null; url: string; width: number; height: number; format: string }[];
}

describe.each(['a folder', 'a bucket'])('file:process and image:process with files in %s', (where) => {
  const site = createLoopbackSite();
  let server: S3Server | undefined;
  let installation: Installation;
  let program: Program;
  let photo: Buffer;
  /** The programs' folder for what is temporary. */
  let temporary: string;

  beforeAll(async () => {
    temporary = mkdtempSync(join(tmpdir(), 'longshore-tmp-'));
    server = where === 'a bucket' ? await startS3Server() : undefined;
    const storage = server ? { STORAGE_URL: server.url, ...server.credentials } : {};
    installation = await Installation.create({ settings: { FILE_ROOTS: 'in', TMPDIR: temporary, ...storage } });
    mkdirSync(join(installation.folder, 'in'));
    program = await installation.start();
    const create = { width: 640, height: 480, channels: 3 as const, background: '#ff0000' };
    photo = await sharp({ create }).jpeg().toBuffer();
  });
  afterAll(async () => {
    await installation?.remove();
    await server?.stop();
    await site.close();
    rmSync(temporary, { recursive: true });
  });

  const pathOf = (name: string) => join(installation.folder, 'in', name);
  const listKeys = () => listStored(server ?? join(installation.folder, 'data', 'files'));
  const fetchFile = async (url: string) => Buffer.from(await (await fetch(program.url + url)).arrayBuffer());

  async function run<Output>(type: string, input: object): Promise<Output> {
    const { id } = await program.enqueue(type, input);
    const job = await program.jobEnded(id);
    expect(job).toMatchObject({ status: 'completed', error: null });
    return job.output as Output;
  }

  async function failing(type: string, input: object): Promise<JobResource> {
    const { id } = await program.enqueue(type, input);
    const job = await program.jobEnded(id);
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable' });
    expect((await listKeys()).filter((key) => key.startsWith(id))).toEqual([]);
    return job;
  }

  it('keeps a file, which can be fetched and used by another job', async () => {
    writeFileSync(pathOf('table.csv'), 'a,b\n1,2\n');
    const output = await run<FileOutput>('file:process', { source: pathOf('table.csv') });
    expect(output).toMatchObject({ bytes: 8, storedBytes: 8, mimeType: 'text/plain' });
    expect(output.path === null).toBe(where === 'a bucket');
    expect((await fetchFile(output.url)).toString()).toBe('a,b\n1,2\n');
    const packed = await run<FileOutput>('file:process', { source: output.key, compress: 'gzip' });
    expect(packed).toMatchObject({ bytes: 8, compression: 'gzip' });
  });

  it('packs what was uploaded, made and downloaded, and unpacks it again', async () => {
    const origin = await site.serve((_, response) => response.end(Buffer.alloc(9 * MIB, 'x')));
    const uploaded = await createClient({ url: program.url }).files.upload(photo, { name: 'cat.jpg' });
    const { url } = await run<FileOutput>('file:process', {
      operation: 'zip',
      sources: [uploaded.url, `${origin}/large.txt`],
    });
    const archive = await fromBufferPromise(await fetchFile(url), { lazyEntries: true });
    const names: string[] = [];
    for await (const { fileName, uncompressedSize } of archive.eachEntry())
      names.push(`${fileName} ${uncompressedSize}`);
    expect(names).toEqual([`cat.jpg ${photo.length}`, `large.txt ${9 * MIB}`]);
    const { files } = await run<FileOutput>('file:process', { operation: 'unzip', source: url });
    expect(files.map(({ entry }) => entry)).toEqual(['cat.jpg', 'large.txt']);
    expect(await fetchFile(files[0]?.url ?? '')).toEqual(photo);
  });

  it('keeps nothing of an archive that leads out of it, or of a bomb', async () => {
    const upload = async (name: string, content: Buffer, options = {}) => {
      const archive = new ZipFile();
      archive.addBuffer(Buffer.from('good'), 'good.txt');
      archive.addBuffer(content, name, options);
      archive.end();
      const packed = await buffer(archive.outputStream);
      const forged = Buffer.from(packed.toString('latin1').replaceAll('AA/evil', '../evil'), 'latin1');
      return (await createClient({ url: program.url }).files.upload(forged, { name: 'a.zip' })).key;
    };
    const evil = await failing('file:process', {
      operation: 'unzip',
      source: await upload('AA/evil', Buffer.from('x')),
    });
    expect(evil.error?.message).toContain('../evil');
    const bomb = await failing('file:process', {
      operation: 'unzip',
      source: await upload('b', Buffer.alloc(11 * MIB)),
    });
    expect(bomb.error?.message).toContain('maxRatio');
  });

  it('makes several sizes of an uploaded image, and tells what one is', async () => {
    const { key } = await createClient({ url: program.url }).files.upload(photo, { name: 'cat.jpg' });
    const { images } = await run<ImageOutput>('image:process', {
      source: key,
      format: 'webp',
      variants: [
        { name: 'small', resize: { width: 64 } },
        { name: 'square', resize: { width: 100, height: 100, fit: 'cover' }, format: 'avif' },
      ],
    });
    expect(images.map(({ url, width, height }) => [url.slice(-16), width, height])).toEqual([
      [expect.stringContaining('cat-small.webp'), 64, 48],
      [expect.stringContaining('cat-square.avif'), 100, 100],
    ]);
    const small = await fetch(program.url + images[0]?.url);
    expect(small.headers.get('content-type')).toBe('image/webp');
    const { data, info } = await sharp(await small.bytes())
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([64, 48, 3]);
    expect(data[0]).toBeGreaterThan(240);
    expect(data[1]).toBeLessThan(15);
    const { image } = await run<FileOutput>('file:process', { operation: 'metadata', source: images[0]?.url });
    expect(image).toMatchObject({ format: 'webp', width: 64, height: 48 });
  });

  it('fails at once for what is no image, too large, or not there, and leaves nothing behind', async () => {
    writeFileSync(pathOf('cat.svg'), '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    writeFileSync(pathOf('cat.jpg'), photo);
    writeFileSync(pathOf('half.jpg'), photo.subarray(0, photo.length / 2));
    const reasons: [object, RegExp][] = [
      [{ source: pathOf('cat.svg') }, /SVG/],
      [{ source: pathOf('half.jpg') }, /cannot be processed/],
      [{ source: pathOf('cat.jpg'), maxPixels: 1000 }, /pixel/],
      [{ source: pathOf('missing.jpg') }, /does not exist/],
      [{ source: '01980000-0000-7000-8000-000000000001-cat.jpg' }, /there is no file/],
      [{ source: '/etc/passwd' }, /may not be read/],
      [{ source: 'http://192.168.0.1/cat.jpg' }, /192\.168\.0\.1/],
    ];
    for (const [input, message] of reasons) {
      expect((await failing('image:process', input)).error?.message).toMatch(message);
    }
    // Copies of files in a bucket go with their run.
    expect(readdirSync(temporary).filter((name) => name.startsWith('longshore-'))).toEqual([]);
  });
});
