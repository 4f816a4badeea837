import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import type { FileResource } from '../../src/contract/files.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/program.ts';
import { openCliSession } from '../support/cli-session.ts';
import { findFreePort } from '../support/free-port.ts';
import { Installation, type Program } from '../support/program.ts';
import { type S3Server, startS3Server } from '../support/s3-server.ts';
import { listStored } from '../support/stored-files.ts';
import { waitFor } from '../support/wait-for.ts';

const MIB = 1024 ** 2;
const LIMIT = 24 * MIB;
const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex');

describe.each(['a folder', 'a bucket'])('uploads into %s', (where) => {
  let server: S3Server | undefined;
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    server = where === 'a bucket' ? await startS3Server() : undefined;
    const storage = server ? { STORAGE_URL: server.url, ...server.credentials } : {};
    installation = await Installation.create({ settings: { MAX_UPLOAD_BYTES: String(LIMIT), ...storage } });
    program = await installation.start();
  });
  afterAll(async () => {
    await installation?.remove();
    await server?.stop();
  });

  /** The keys of all files that lie in the storage. */
  const listKeys = () => listStored(server ?? join(installation.folder, 'data', 'files'));
  const get = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(program.url + url, { headers, method });
  const upload = (query: string, text: string, headers: Record<string, string> = {}) =>
    program.call<FileResource & Problem>(`/v1/files${query}`, { method: 'POST', text, headers });

  it('are kept with their name, type, size and checksum, and read again', async () => {
    const { status, headers, body } = await upload('?name=note.txt', 'Grüße', { 'content-type': 'text/x-note' });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/v1/files/${body.key}`);
    expect(body).toEqual({
      key: expect.stringMatching(/^[0-9a-f-]{36}-note\.txt$/),
      url: `/v1/files/${body.key}`,
      name: 'note.txt',
      tenant: 'default',
      bytes: 7,
      contentType: 'text/x-note',
      sha256: sha256('Grüße'),
      createdAt: expect.any(String),
      expiresAt: expect.any(String),
    });
    expect(Date.parse(body.expiresAt ?? '') - Date.parse(body.createdAt)).toBe(7 * 86_400_000);
    const read = await get(body.url);
    expect(await read.text()).toBe('Grüße');
    expect(Object.fromEntries(read.headers)).toMatchObject({
      'content-type': 'text/x-note',
      'content-length': '7',
      'content-disposition': 'inline; filename="note.txt"',
      'content-security-policy': expect.stringMatching(/^sandbox/),
      'cache-control': 'private, no-cache',
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([
    ['?name=a.csv', {}, 'a.csv', 'text/csv; charset=utf-8'],
    ['', { 'content-disposition': 'attachment; filename="my report.pdf"' }, 'my_report.pdf', 'application/pdf'],
    [
      '',
      { 'content-disposition': "attachment; filename=x; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt" },
      'grusse.txt',
      'text/plain; charset=utf-8',
    ],
    ['', {}, 'upload', 'application/octet-stream'],
    ['?name=../../etc/passwd', {}, 'passwd', 'application/octet-stream'],
    ['?name=C:%5Ctemp%5Cx.png', {}, 'x.png', 'image/png'],
    ['?name=.env', {}, 'env', 'application/octet-stream'],
    ['?name=a%00b%2F..%2Fc', {}, 'c', 'application/octet-stream'],
    [`?name=${'x'.repeat(200)}.tar.gz`, {}, `${'x'.repeat(93)}.tar.gz`, 'application/gzip'],
  ])('called %j with %j become %s of type %s', async (query, headers, name, contentType) => {
    // curl's type of everything says nothing of the file.
    const { body } = await upload(query, 'x', { 'content-type': 'application/x-www-form-urlencoded', ...headers });
    expect(body).toMatchObject({ name, contentType });
    expect((await get(body.url)).headers.get('content-type')).toBe(contentType);
  });

  it.each([
    ['?name=...', {}, 422, 'name'],
    ['?name=%E4%BD%A0', {}, 422, 'name'],
    ['', { 'content-disposition': 'attachment; filename="..."' }, 422, 'Content-Disposition'],
    ['?expiresInMs=10', {}, 422, 'expiresInMs'],
    ['?tenant=..', {}, 422, 'tenant'],
    ['?bogus=1', {}, 422, 'bogus'],
    ['', { 'content-type': 'nonsense' }, 422, 'Content-Type'],
    ['', { 'content-encoding': 'gzip' }, 422, 'Content-Encoding'],
    ['', { 'content-type': 'multipart/form-data; boundary=x' }, 415, undefined],
  ])('with %j and %j are refused, and say where', async (query, headers, status, path) => {
    const before = await listKeys();
    const answer = await upload(query, 'x', headers);
    expect(answer.status).toBe(status);
    expect(answer.body.errors?.[0]?.path).toBe(path);
    expect(await listKeys()).toEqual(before);
  });

  it('of exactly MAX_UPLOAD_BYTES are taken; larger ones leave nothing, told or not', async () => {
    const { files } = createClient({ url: program.url });
    async function* stream(bytes: number) {
      for (let left = bytes; left > 0; left -= MIB) yield new Uint8Array(Math.min(left, MIB)).fill(left % 251);
    }
    const file = await files.upload(stream(LIMIT), { name: 'large.bin' });
    expect(file.bytes).toBe(LIMIT);
    const hash = createHash('sha256');
    for await (const chunk of (await files.get(file.key)).body ?? []) hash.update(chunk);
    expect(hash.digest('hex')).toBe(file.sha256);
    const before = await listKeys();
    const tooLarge = { code: 'BODY_TOO_LARGE', status: 413 };
    await expect(files.upload(stream(LIMIT + 1))).rejects.toMatchObject(tooLarge);
    await expect(files.upload(new Uint8Array(LIMIT + 1))).rejects.toMatchObject(tooLarge);
    expect(await listKeys()).toEqual(before);
  });

  it.each([1, 20])('that break off after %i MiB leave nothing', async (mebibytes) => {
    const before = await listKeys();
    const sending = request(`${program.url}/v1/files?name=half.bin`, {
      method: 'POST',
      headers: { 'content-length': LIMIT },
    });
    sending.on('error', () => undefined); // it is cut off below
    await new Promise((resolve) => sending.write(Buffer.alloc(mebibytes * MIB), resolve));
    sending.destroy();
    // Whoever has been refused before has been cleaned up after: one more upload shows that the program goes on.
    const whole = await upload('?name=whole.bin', 'x');
    expect(whole.status).toBe(201);
    const nothingIsLeft = async () =>
      JSON.stringify(await listKeys()) === JSON.stringify([...before, whole.body.key].sort());
    await waitFor(nothingIsLeft, { describe: 'what was broken off is gone' });
  });

  it('with an Idempotency-Key are kept once, and another request with the key is refused', async () => {
    const key = { 'idempotency-key': `upload-${where.length}` };
    const first = await upload('?name=once.txt', 'first', key);
    const again = await upload('?name=once.txt', 'first', key);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect((await upload('?name=other.txt', 'first', key)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    expect((await upload('?name=once.txt', 'longer', key)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    expect((await listKeys()).filter((name) => name.endsWith('once.txt'))).toEqual([first.body.key]);
  });

  it('serve ranges, versions and HEAD as files of jobs do', async () => {
    const { url, key } = (await upload('?name=digits.txt', '0123456789')).body;
    const range = async (value: string, more = {}) => {
      const response = await get(url, { range: value, ...more });
      return [response.status, response.headers.get('content-range'), await response.text()];
    };
    expect(await range('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await range('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await range('bytes=-1')).toEqual([206, 'bytes 9-9/10', '9']);
    expect(await range('bytes=8-100')).toEqual([206, 'bytes 8-9/10', '89']);
    expect(await range('bytes=0-1,5-6')).toEqual([200, null, '0123456789']);
    expect(await range('lines=1-2')).toEqual([200, null, '0123456789']);
    const behind = await get(url, { range: 'bytes=10-' });
    expect([behind.status, behind.headers.get('content-range')]).toEqual([416, 'bytes */10']);
    expect(behind.headers.get('last-modified')).toBeNull(); // it would be that of the file
    expect(await behind.json()).toMatchObject({ code: 'RANGE_NOT_SATISFIABLE' });
    const head = await get(url, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', '']);
    const etag = head.headers.get('etag') ?? '';
    const date = head.headers.get('last-modified') ?? '';
    expect(await getPlainly(program.url + url, { 'if-none-match': etag })).toBe(304);
    expect(await getPlainly(program.url + url, { 'if-modified-since': date })).toBe(304);
    expect(await getPlainly(program.url + url, { 'if-none-match': '"other"' })).toBe(200);
    expect((await range('bytes=0-1', { 'if-range': etag }))[0]).toBe(206);
    expect((await range('bytes=0-1', { 'if-range': date }))[0]).toBe(206);
    expect((await range('bytes=0-1', { 'if-range': '"other"' }))[0]).toBe(200);
    expect((await get(url, { 'if-match': '"other"' })).status).toBe(412);
    expect((await get(url, { 'if-unmodified-since': 'Thu, 01 Jan 2015 00:00:00 GMT' })).status).toBe(412);
    expect((await get(`/v1/files/${key}.missing`)).status).toBe(404);
  });

  it('can be read by jobs of their tenant, and by no others', async () => {
    const { key, url } = (await upload('?name=note.txt&tenant=acme', 'for acme')).body;
    for (const source of [key, url]) {
      const { id } = await program.enqueue('test:read-file', { source }, { tenant: 'acme' });
      const { output } = await program.jobEnded(id);
      expect(output).toEqual({
        located: 'for acme',
        opened: 'for acme',
        contentType: 'text/plain;charset=UTF-8',
        bytes: 8,
      });
    }
    const { id } = await program.enqueue('test:read-file', { source: key }, { tenant: 'other' });
    expect(await program.jobEnded(id)).toMatchObject({
      status: 'failed',
      reason: 'non_retryable',
      error: { message: expect.stringContaining('there is no file') },
    });
  });

  it('are gone after DELETE, with their content; files of jobs are not deleted so', async () => {
    const { key, url } = (await upload('?name=note.txt', 'x')).body;
    expect((await program.call(url, { method: 'DELETE' })).status).toBe(204);
    const gone = await program.call<Problem>(url);
    expect(gone).toMatchObject({ status: 404, body: { detail: expect.stringContaining(`there is no file ${key}`) } });
    expect(await listKeys()).not.toContain(key);
    expect((await program.call(url, { method: 'DELETE' })).status).toBe(404);
    const { id } = await program.enqueue('test:file', { name: 'a.txt', text: 'made' });
    const made = ((await program.jobEnded(id)) as JobResource & { output: { url: string } }).output;
    const refused = await program.call<Problem>(made.url, { method: 'DELETE' });
    expect(refused).toMatchObject({ status: 404, body: { detail: expect.stringContaining('removed with its job') } });
    expect(await (await get(made.url)).text()).toBe('made');
  });

  it('are what `longshore files put` sends', async () => {
    writeFileSync(join(installation.folder, 'my table.csv'), 'a,b');
    const cli = openCliSession({ cwd: installation.folder, env: { LONGSHORE_URL: program.url } });
    const { document } = await cli.runJson('files', 'put', 'my table.csv', '--expires-in-ms', '60000');
    const file = document as FileResource;
    expect(file).toMatchObject({ name: 'my_table.csv', contentType: 'text/csv; charset=utf-8', bytes: 3 });
    expect(Date.parse(file.expiresAt ?? '') - Date.parse(file.createdAt)).toBe(60_000);
    const named = await cli.run(['files', 'put', 'my table.csv', '--name', 'b.bin', '--tenant', 'acme']);
    expect(named).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^[0-9a-f-]{36}-b\.bin\n$/),
      stderr: '3 B\n',
    });
    for (const path of ['missing.csv', '.']) {
      expect(await cli.failJson('files', 'put', path)).toMatchObject({ exitCode: 2 });
    }
  });
});

it('with a bucket that is away, are refused with 503, and jobs are tried again', async () => {
  const server = await startS3Server({ port: await findFreePort() }); // nobody else takes it
  const settings = { STORAGE_URL: server.url, ...server.credentials };
  const installation = await Installation.create({ settings });
  try {
    const program = await installation.start();
    const { files } = createClient({ url: program.url });
    const { key } = await files.upload(Buffer.from('kept'), { name: 'a.txt' });
    await server.stop();
    const away = { code: 'STORAGE_UNAVAILABLE', status: 503 };
    await expect(files.upload(Buffer.from('lost'))).rejects.toMatchObject(away);
    await expect(files.get(key)).rejects.toMatchObject(away);
    await expect(files.delete(key)).rejects.toMatchObject(away);
    const twice = { attempts: 2, backoff: { type: 'fixed' as const, delayMs: 1 } };
    const { id } = await program.enqueue('test:file', { name: 'a.txt', text: 'x' }, twice);
    expect(await program.jobEnded(id)).toMatchObject({
      status: 'failed',
      reason: 'attempts_exhausted',
      attempt: 2,
      error: { code: 'STORAGE_UNAVAILABLE' },
    });
    expect((await program.call('/health/ready')).status).toBe(200);
  } finally {
    await installation.remove();
    await server.stop();
  }
});

it('refuses a start with a STORAGE_URL that is none, before it starts a database', async () => {
  const installation = await Installation.create({
    settings: { STORAGE_URL: 's3://files?enpoint=http://127.0.0.1:1' },
  });
  try {
    await expect(installation.start()).rejects.toThrow(/STORAGE_URL is not valid: it has a parameter "enpoint"/);
  } finally {
    await installation.remove();
  }
});

/** @returns the status; `fetch` sends Cache-Control: no-cache along, which asks for the content */
function getPlainly(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end();
  });
}
