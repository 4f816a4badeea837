import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { JobOptionsInput } from '../../src/contract/enqueue.ts';
import type { JobResource } from '../../src/contract/job.ts';
import { Catalogue } from '../support/catalogue-server.ts';
import { Installation, type Program } from '../support/program.ts';

const TENANT = 'acme';
const TOKEN = 'a token of the tests';

describe('records:download', () => {
  let source: Catalogue;
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    source = await Catalogue.start(TOKEN);
    installation = await Installation.create({ settings: { CONNECTOR_SECRET_SHOP: `${source.url} ${TOKEN}` } });
    program = await installation.start();
  });
  afterEach(() => source.reset());
  afterAll(async () => {
    await installation?.remove();
    await source?.stop();
  });

  const auth = { type: 'bearer', secret: 'SHOP' };
  const byCursor = () => ({
    url: `${source.url}/cursor`,
    auth,
    paging: { type: 'cursor', cursorPath: 'next', sizeParameter: 'limit' },
    recordsPath: 'data',
    totalPath: 'total',
  });
  const start = (input: object, options: JobOptionsInput = {}) => {
    const backoff = { type: 'fixed', delayMs: 1 } as const;
    const whole = { connector: 'rest', parameters: byCursor(), pageSize: 10, ...input };
    return program.enqueue('records:download', whole, { tenant: TENANT, backoff, ...options });
  };
  async function download(input: object, options?: JobOptionsInput): Promise<JobResource> {
    return program.jobEnded((await start(input, options)).id);
  }
  /** What is kept, as an export of the same tenant shows it. */
  async function kept(collection: string, tenant = TENANT): Promise<Record<string, unknown>[]> {
    const input = { query: 'records', parameters: { collection, includeDeleted: true }, format: 'jsonl' };
    const { id } = await program.enqueue('data:export', input, { tenant });
    const { output } = await program.jobEnded(id);
    const text = await (await fetch(program.url + (output as { file: { url: string } }).file.url)).text();
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }
  const idsOf = async (collection: string, tenant?: string) =>
    (await kept(collection, tenant)).filter(({ deletedAt }) => deletedAt === null).map(({ id }) => id);

  describe.each([
    ['cursor', () => byCursor()],
    ['page', () => ({ url: `${source.url}/page`, auth, paging: { type: 'page', sizeParameter: 'limit' } })],
    ['offset', () => ({ url: `${source.url}/offset`, auth, paging: { type: 'offset', sizeParameter: 'limit' } })],
    ['link', () => ({ url: `${source.url}/link`, auth, paging: { type: 'link', sizeParameter: 'limit' } })],
  ])('an API that pages by %s', (name, parameters) => {
    it('is read to its end, each page once, and each record is kept', async () => {
      source.fill(35);
      const { status, output, error } = await download({ collection: `all-${name}`, parameters: parameters() });
      expect({ status, error }).toEqual({ status: 'completed', error: null });
      expect(output).toMatchObject({ seen: 35, inserted: 35, updated: 0, unchanged: 0, repeated: 0, deleted: 0 });
      expect(await idsOf(`all-${name}`)).toEqual([...source.records.keys()].sort());
      expect(new Set(source.log).size).toBe(source.log.length);
    });

    it('is read on where a failing server stopped it, as one snapshot', async () => {
      source.fill(35);
      source.failAt(3, 2);
      const { id } = await start({ collection: `failing-${name}`, parameters: parameters() });
      const job = await program.jobEnded(id);
      expect(job).toMatchObject({ status: 'completed', attempt: 3, output: { seen: 35, inserted: 35, repeated: 0 } });
      const records = await kept(`failing-${name}`);
      const { snapshotId } = job.output as { snapshotId: string };
      expect(records.every((record) => record.snapshotId === snapshotId)).toBe(true);
      const [third] = source.log.slice(2);
      expect(source.log.filter((url) => url === third)).toHaveLength(3);
      expect(new Set(source.log).size).toBe(source.log.length - 2);
    });
  });

  it('goes on after cancel and retry, and keeps what was stored until then', async () => {
    source.fill(50);
    source.holdAt(3);
    const { id } = await start({ collection: 'resumed' });
    await source.held();
    await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await program.jobIs(id, 'cancelled');
    expect(await idsOf('resumed')).toHaveLength(20);
    source.release();
    await program.call(`/v1/jobs/${id}/retry`, { method: 'POST' });
    expect(await program.jobEnded(id)).toMatchObject({
      status: 'completed',
      output: { pages: 5, seen: 50, inserted: 50, repeated: 0 },
    });
    expect(source.log.slice(0, 2).every((url) => source.log.filter((other) => other === url).length === 1)).toBe(true);
    expect(new Set(source.log).size).toBe(source.log.length - 1); // the page that was interrupted
  });

  it('waits as Retry-After says, and loses nothing', async () => {
    source.fill(30);
    source.throttleAt(2, 3600);
    const { id } = await start({ collection: 'throttled' });
    const waiting = await program.jobIs(id, 'retrying');
    expect(waiting.error?.message).toContain('asks to wait 3600 s');
    expect(Date.parse(waiting.runAt) - Date.now()).toBeGreaterThan(1_800_000);
    expect(await idsOf('throttled')).toHaveLength(10);
    await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await program.call(`/v1/jobs/${id}/retry`, { method: 'POST' });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed', output: { seen: 30, inserted: 30 } });
  });

  it('counts what changed, marks what is gone as deleted, and takes it back when it returns', async () => {
    source.fill(25);
    const first = (await download({ collection: 'changing' })).output as { snapshotId: string };
    const [gone = '', changed = ''] = source.records.keys();
    const data = source.records.get(gone);
    source.records.delete(gone);
    source.records.set(changed, { id: changed, name: 'new' });
    source.records.set('z-new', { id: 'z-new', name: 'added' });
    const second = await download({ collection: 'changing' });
    expect(second.output).toMatchObject({ seen: 25, inserted: 1, updated: 1, unchanged: 23, deleted: 1, restored: 0 });
    const records = await kept('changing');
    expect(records.find(({ id }) => id === gone)).toMatchObject({ deletedAt: expect.any(String), data });
    expect(records.find(({ id }) => id === gone)?.snapshotId).toBe(first.snapshotId);
    expect(records.find(({ id }) => id === changed)).toMatchObject({ deletedAt: null, data: { name: 'new' } });
    const unchanged = records.filter((record) => record.updatedAt === record.createdAt);
    expect(unchanged).toHaveLength(24); // an unchanged record only learns of the snapshot
    source.records.set(gone, { id: gone, name: 'back' });
    expect((await download({ collection: 'changing' })).output).toMatchObject({
      restored: 1,
      unchanged: 25,
      deleted: 0,
    });
    source.records.delete(gone);
    const incremental = await download({ collection: 'changing', mode: 'incremental' });
    expect(incremental.output).toMatchObject({ unchanged: 25, deleted: 0 });
    expect(await idsOf('changing')).toContain(gone);
  });

  it('does not take an empty answer for a collection that was emptied, unless it may', async () => {
    source.fill(5);
    await download({ collection: 'emptied' });
    source.records.clear();
    expect(await download({ collection: 'emptied' })).toMatchObject({
      ...{ status: 'failed', reason: 'non_retryable' },
      error: { message: expect.stringContaining('gave no record') },
    });
    expect(await idsOf('emptied')).toHaveLength(5);
    expect(await download({ collection: 'emptied', allowEmpty: true })).toMatchObject({ output: { deleted: 5 } });
    expect(await idsOf('emptied')).toEqual([]);
    expect(await download({ collection: 'never-filled' })).toMatchObject({ status: 'completed', output: { seen: 0 } });
  });

  it('gives way to a newer download into the same collection', async () => {
    source.fill(30);
    source.holdAt(2);
    const older = await start({ collection: 'contested' });
    await source.held();
    const pages = [[{ id: 'newer', data: {} }]];
    const newer = await download({ collection: 'contested', connector: 'test.given', parameters: { pages } });
    expect(newer).toMatchObject({ status: 'completed', output: { inserted: 1, deleted: 10 } });
    source.release();
    expect(await program.jobEnded(older.id)).toMatchObject({
      ...{ status: 'failed', reason: 'non_retryable' },
      error: { message: expect.stringContaining('a newer download into the collection "contested" has begun') },
    });
    expect(await idsOf('contested')).toEqual(['newer']);
  });

  it('keeps the collections of tenants apart, also where they have one name', async () => {
    source.fill(3);
    await download({ collection: 'shared' });
    source.records.clear();
    source.records.set('theirs', { id: 'theirs' });
    await download({ collection: 'shared' }, { tenant: 'globex' });
    expect(await idsOf('shared')).toHaveLength(3);
    expect(await idsOf('shared', 'globex')).toEqual(['theirs']);
    expect(await idsOf('shared', 'initech')).toEqual([]);
  });

  it('sends a secret to the origin that it is for, and keeps it out of what others can read', async () => {
    source.fill(1);
    expect(await download({ collection: 'secret' })).toMatchObject({ status: 'completed' });
    const elsewhere = await Catalogue.start(TOKEN);
    try {
      const url = `${elsewhere.url}/cursor`;
      const stolen = await download({ collection: 'secret', parameters: { ...byCursor(), url } });
      expect(stolen.error?.message).toContain(`the secret "SHOP" is not for ${elsewhere.url}`);
      expect(elsewhere.log).toEqual([]);
      source.redirectTo(`${elsewhere.url}/cursor`);
      const redirected = await download({ collection: 'led' });
      expect(redirected.error?.message).toContain('a redirect that was not followed');
      source.linkTo(`${elsewhere.url}/link?after=1`);
      const paging = { type: 'link' };
      const led = await download({ collection: 'led', parameters: { url: `${source.url}/link`, auth, paging } });
      expect(led.error?.message).toContain('the next page is on another origin');
      expect(elsewhere.log).toEqual([]);
    } finally {
      await elsewhere.stop();
    }
    expect(program.output).not.toContain(TOKEN);
  });

  it.each([
    [
      'a connector that is not there',
      { connector: 'none' },
      [{ path: 'input.connector', message: 'there is no connector "none"; there are: file, rest, test.given' }],
    ],
    [
      'parameters that it does not take',
      { parameters: { url: 'ftp://x' } },
      [{ path: 'input.parameters.url', message: 'must be an http or https URL' }],
    ],
    [
      'a secret in a header',
      { parameters: { url: 'https://x', headers: { Authorization: 'x' } } },
      [{ message: expect.stringContaining('name a secret in auth') }],
    ],
  ])('is refused with %s', async (_, wrong, errors) => {
    const input = { collection: 'wrong', connector: 'rest', ...wrong };
    const answer = await program.call('/v1/jobs', { json: { type: 'records:download', input } });
    expect(answer).toMatchObject({ status: 422, body: { code: 'INVALID_FIELDS', errors } });
  });

  it.each([
    [
      'a wrong path of the records',
      () => ({ parameters: { ...byCursor(), recordsPath: 'no' } }),
      'no array at recordsPath',
    ],
    ['a wrong path of the id', () => ({ parameters: { ...byCursor(), idPath: 'no' } }), 'no text or number at "no"'],
    [
      'a secret that is not there',
      () => ({ parameters: { ...byCursor(), auth: { ...auth, secret: 'NO' } } }),
      'CONNECTOR_SECRET_NO',
    ],
    ['a refused key', () => ({ parameters: { ...byCursor(), auth: undefined } }), '401'],
    ['endless pages', () => ({ parameters: { ...byCursor(), maxPages: 1 } }), 'more pages than maxPages'],
    [
      'an id that is too long',
      { connector: 'test.given', parameters: { pages: [[{ id: 'x'.repeat(501), data: {} }]] } },
      '1 to 500 characters',
    ],
  ])('fails at once with %s', async (_, input, message) => {
    source.fill(20);
    const job = await download({ collection: 'wrong', ...(typeof input === 'function' ? input() : input) });
    expect(job).toMatchObject({ ...{ status: 'failed', reason: 'non_retryable' }, attempt: 1 });
    expect(job.error?.message).toContain(message);
  });

  it('keeps large numbers, replaces what cannot be stored, and counts ids that occur twice', async () => {
    source.raw = `{"data": [{"id": 12345678901234567890, "price": 0.10000000000000000001, "text": "a\\u0000b"},
      {"id": 7, "v": 1}, {"id": 7, "v": 2}], "next": ""}`;
    expect((await download({ collection: 'odd' })).output).toMatchObject({ seen: 3, inserted: 2, repeated: 1 });
    expect(await kept('odd')).toMatchObject([
      { id: '12345678901234567890', data: { text: 'a\uFFFDb' } },
      { id: '7', data: { v: 2 } },
    ]);
  });

  describe('the connector "file"', () => {
    const lines = Array.from({ length: 30 }, (_, index) => ({
      id: `n${String(index).padStart(2, '0')}`,
      text: 'a,"b"\n',
    }));
    const csv = `\uFEFFid;text\n${lines.map(({ id }) => `${id};"a,""b""\n"`).join('\n')}\n`;
    const input = (path: string, format: string) => ({
      connector: 'file',
      parameters: { url: source.url + path, auth, format, delimiter: ';' },
    });

    it.each([
      ['CSV', '/a.csv', 'csv', Buffer.from(csv)],
      ['compressed CSV', '/a.csv.gz', 'csv', gzipSync(csv)],
      ['JSON Lines', '/a.jsonl', 'jsonl', Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n'))],
      ['compressed JSON Lines', '/b', 'jsonl', gzipSync(lines.map((line) => `${JSON.stringify(line)}\r\n`).join('\n'))],
    ])('reads %s', async (what, path, format, content) => {
      source.files.set(path, content);
      const collection = createHash('sha256').update(what).digest('hex').slice(0, 8);
      const { output, error } = await download({ collection, ...input(path, format) });
      expect(error).toBeNull();
      expect(output).toMatchObject({ pages: 3, seen: 30, inserted: 30 });
      expect((await kept(collection)).map(({ data }) => data)).toEqual(lines);
    });

    it('goes on behind what is stored when the connection breaks, and begins anew when the file has changed', async () => {
      const content = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      source.files.set('/broken.jsonl', content);
      source.breakAfter(Math.floor(content.byteLength * 0.8));
      const same = await download({ collection: 'broken', ...input('/broken.jsonl', 'jsonl') });
      expect(same).toMatchObject({ status: 'completed', attempt: 2, output: { seen: 30, inserted: 30, repeated: 0 } });
      source.breakAfter(Math.floor(content.byteLength * 0.8));
      source.onBreak = () => source.files.set('/broken.jsonl', Buffer.from(`${JSON.stringify({ id: 'only' })}\n`));
      const changed = await download({ collection: 'broken', ...input('/broken.jsonl', 'jsonl') });
      expect(changed).toMatchObject({ status: 'completed', attempt: 2, output: { pages: 1, seen: 1, deleted: 30 } });
      expect(await idsOf('broken')).toEqual(['only']);
    });

    it('fails at once where a line is not what it should be', async () => {
      source.files.set('/wrong.jsonl', Buffer.from('{"id": 1}\nnot JSON\n'));
      const wrong = await download({ collection: 'wrong', ...input('/wrong.jsonl', 'jsonl') });
      expect(wrong).toMatchObject({ reason: 'non_retryable', error: { message: expect.stringContaining('line 2') } });
      source.files.set('/wrong.csv', Buffer.from('id;text\n1;2;3\n'));
      const ragged = await download({ collection: 'wrong', ...input('/wrong.csv', 'csv') });
      expect(ragged).toMatchObject({ reason: 'non_retryable', error: { message: expect.stringContaining('no CSV') } });
    });
  });
});
