import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { StoredFile } from '../../src/index.ts';
import { openCliSession } from '../support/cli-session.ts';
import { Installation, type Program } from '../support/program.ts';

const MIB = 1024 ** 2;
const TEXT = 'Grüße!\n';

describe('GET /v1/files/{key}', () => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create();
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  async function make(input: { name: string; text?: string; mebibytes?: number }): Promise<StoredFile> {
    const { id } = await program.enqueue('test:file', input, { tenant: 'acme' });
    return (await program.jobEnded(id)).output as StoredFile;
  }
  const get = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(program.url + url, { headers, method });

  it('serves the whole file with its type, its size and headers that keep a browser safe', async () => {
    const { url, bytes } = await make({ name: 'note.txt', text: TEXT });
    const response = await get(url);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(TEXT);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(bytes),
      'content-disposition': 'inline; filename="note.txt"',
      'cache-control': 'private, no-cache',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      etag: expect.stringMatching(/^(W\/)?".+"$/),
      'last-modified': expect.stringMatching(/GMT$/),
    });
  });

  it.each([
    ['video.mp4', 'video/mp4'],
    ['poster.png', 'image/png'],
    ['subtitles.srt', 'application/x-subrip'],
    ['data.unknown', 'application/octet-stream'],
    ['noending', 'application/octet-stream'],
    ['page.html', 'text/html; charset=utf-8'],
    ['drawing.svg', 'image/svg+xml'],
  ])('serves %s as %s, and lets it run no script', async (name, type) => {
    const { url } = await make({ name, text: '<script>alert(1)</script>' });
    const { headers } = await get(url);
    expect(headers.get('content-type')).toBe(type);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^sandbox; default-src 'none';/);
    expect(policy).not.toMatch(/script-src|allow-/);
  });

  it('tells everything but the content at HEAD', async () => {
    const { url, bytes } = await make({ name: 'note.txt', text: TEXT });
    const response = await get(url, {}, 'HEAD');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe(String(bytes));
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toBe('');
    expect((await get(`${url}x`, {}, 'HEAD')).status).toBe(404);
  });

  it('serves ranges', async () => {
    const { url, bytes } = await make({ name: 'digits.txt', text: '0123456789' });
    const range = async (value: string, more = {}) => {
      const response = await get(url, { range: value, ...more });
      return [response.status, response.headers.get('content-range'), await response.text()];
    };
    expect(bytes).toBe(10);
    expect(await range('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
    expect(await range('bytes=7-')).toEqual([206, 'bytes 7-9/10', '789']);
    expect(await range('bytes=-1')).toEqual([206, 'bytes 9-9/10', '9']);
    expect(await range('bytes=-9999')).toEqual([206, 'bytes 0-9/10', '0123456789']);
    expect(await range('bytes=8-100')).toEqual([206, 'bytes 8-9/10', '89']);
    // What RFC 9110 lets a server do with several, and demands for units that it does not know.
    expect(await range('bytes=0-1,5-6')).toEqual([200, null, '0123456789']);
    expect(await range('lines=1-2')).toEqual([200, null, '0123456789']);
  });

  it('answers 416 to a range behind the end, with the size of the file', async () => {
    const { url } = await make({ name: 'digits.txt', text: '0123456789' });
    const response = await get(url, { range: 'bytes=10-' });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe('bytes */10');
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(response.headers.get('last-modified')).toBeNull(); // it would be that of the file
    expect(await response.json()).toMatchObject({ code: 'RANGE_NOT_SATISFIABLE', status: 416 });
  });

  it('answers 304 to whoever has it, and a range only of the same file', async () => {
    const { url } = await make({ name: 'digits.txt', text: '0123456789' });
    const { headers } = await get(url);
    const etag = headers.get('etag') ?? '';
    const date = headers.get('last-modified') ?? '';
    // Over plain HTTP: `fetch` sends Cache-Control: no-cache along, which asks for the content.
    expect((await getPlainly(program.url + url, { 'if-none-match': etag })).status).toBe(304);
    expect((await getPlainly(program.url + url, { 'if-modified-since': date })).status).toBe(304);
    expect((await getPlainly(program.url + url, { 'if-none-match': '"other"' })).status).toBe(200);
    const range = { range: 'bytes=0-1' };
    expect((await get(url, { ...range, 'if-range': etag })).status).toBe(206);
    expect((await get(url, { ...range, 'if-range': date })).status).toBe(206);
    expect((await get(url, { ...range, 'if-range': '"other"' })).status).toBe(200);
    const failed = await get(url, { 'if-match': '"other"' });
    expect(await failed.json()).toMatchObject({ code: 'PRECONDITION_FAILED', status: 412 });
  });

  it('answers 404 to whatever is no file of a job, and says what may be wrong', async () => {
    const { key, url } = await make({ name: 'note.txt', text: TEXT });
    const id = key.slice(0, 36);
    const wrong = [
      ...[
        `${id}-missing.txt`,
        `${id}-.note.txt`,
        `${id}-..`,
        `${id}-%2e%2e`,
        `${id}-..%2Fnote.txt`,
        `${id}%2Fnote.txt`,
      ],
      ...['..%2F..%2Fetc%2Fpasswd', '%2Fetc%2Fpasswd', `${id}-note.txt%00`, `${id}-note.txt%2F`, '%00', id, 'note.txt'],
      `01980000-0000-7000-8000-000000000001-note.txt`,
    ];
    for (const path of wrong) {
      const { status, body } = await program.call<Problem>(`/v1/files/${path}`);
      expect({ path, status, body }).toMatchObject({ path, status: 404, body: { code: 'NOT_FOUND' } });
    }
    rmSync(join(installation.folder, 'data', 'files', '.jobs', 'acme', id), { recursive: true });
    const { body } = await program.call<Problem>(url);
    expect(body.detail).toContain('the API and all workers must share one');
  });

  it('serves what a failed job has made, and after a retry what has replaced it', async () => {
    const { id } = await program.enqueue('test:file', { name: 'a.txt', text: 'first', fails: true });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'failed', reason: 'non_retryable' });
    const first = await get(`/v1/files/${id}-a.txt`);
    expect(await first.text()).toBe('first');
    await program.call(`/v1/jobs/${id}/retry`, { json: { input: { name: 'a.txt', text: 'the second' } } });
    const { url } = (await program.jobEnded(id)).output as StoredFile;
    expect(url).toBe(`/v1/files/${id}-a.txt`);
    expect(await (await get(url)).text()).toBe('the second');
    const outdated = await get(url, { 'if-match': first.headers.get('etag') ?? '' });
    expect(await outdated.json()).toMatchObject({ code: 'PRECONDITION_FAILED', status: 412 });
  });

  it('streams a large file, whole and from the middle', async () => {
    const { key, url, bytes } = await make({ name: 'large.bin', mebibytes: 64 });
    expect(bytes).toBe(64 * MIB);
    const { files } = createClient({ url: program.url });
    const [received, wanted] = [createHash('sha256'), createHash('sha256')];
    for await (const chunk of (await files.get(key)).body ?? []) received.update(chunk);
    for (let index = 0; index < 64; index += 1) wanted.update(Buffer.alloc(MIB, index));
    expect(received.digest('hex')).toBe(wanted.digest('hex'));
    const middle = await files.get(url, { range: `bytes=${17 * MIB - 1}-${17 * MIB}` });
    expect([...new Uint8Array(await middle.arrayBuffer())]).toEqual([16, 17]);
    const gone = new AbortController();
    const left = await files.get(key, { signal: gone.signal });
    gone.abort();
    await expect(left.arrayBuffer()).rejects.toThrow();
    expect((await program.call('/health')).status).toBe(200);
    expect(program.output).not.toContain('large.bin answered');
  });

  it('is what `longshore files get` fetches', async () => {
    const { key, url, bytes } = await make({ name: 'note.txt', text: TEXT });
    const cli = openCliSession({ cwd: installation.folder, env: { LONGSHORE_URL: program.url } });
    const { code, stdout } = await cli.run(['files', 'get', url]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${join(installation.folder, 'note.txt')} (${bytes} B)\n`,
    });
    expect(readFileSync(join(installation.folder, 'note.txt'), 'utf8')).toBe(TEXT);
    const path = join(installation.folder, 'other.txt');
    expect((await cli.runJson('files', 'get', key, '-o', 'other.txt')).document).toEqual({ path, bytes });
    const missing = `${key}.missing`;
    expect(await cli.failJson('files', 'get', missing, '-o', 'nothing.txt')).toMatchObject({
      code: 'NOT_FOUND',
      exitCode: 2,
    });
    expect(await cli.failJson('files', 'get', 'note.txt')).toMatchObject({ exitCode: 2 });
    expect(await cli.failJson('files', 'get', key, '-o', 'no/such/folder')).toMatchObject({ exitCode: 2 });
    for (const name of ['nothing.txt', 'nothing.txt.partial']) {
      expect(existsSync(join(installation.folder, name))).toBe(false);
    }
  });
});

it('needs the key of the API, and begins with PUBLIC_URL', async () => {
  const [key, address] = ['a-key-of-the-tests-0123456789', 'https://jobs.example.com/longshore'];
  const installation = await Installation.create({ settings: { ADMIN_KEY: key, PUBLIC_URL: `${address}/` } });
  try {
    const { url } = await installation.start();
    const client = createClient({ url, key });
    const { id } = await client.jobs.create('test:file', { name: 'note.txt', text: TEXT });
    const file = (await client.jobs.wait(id)).output as StoredFile;
    expect(file.url).toBe(`${address}/v1/files/${file.key}`);
    expect(await (await client.files.get(file.url)).text()).toBe(TEXT);
    const refused = createClient({ url }).files.get(file.key);
    await expect(refused).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  } finally {
    await installation.remove();
  }
});

function getPlainly(url: string, headers: Record<string, string>): Promise<{ status: number | undefined }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers }, (response) => {
      response.resume();
      resolve({ status: response.statusCode });
    });
    sent.on('error', reject).end();
  });
}
