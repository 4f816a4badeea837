import { gunzipSync } from 'node:zlib';
import { tableFromIPC } from 'apache-arrow';
import { parse } from 'csv-parse/sync';
import { readParquet } from 'parquet-wasm';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExportOutput } from '../../src/builtin/export/export-schema.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

/** Threads start below normal priority, which takes its time where much else runs. */
const START_MS = 30_000;
const LIMIT_MS = 120_000;

describe('data:export', () => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create();
    // What an operator's database may be set to, and a file must not depend on.
    const options = '-c TimeZone=America/New_York -c DateStyle=SQL,DMY -c bytea_output=escape';
    const url = new URL(installation.settings.DATABASE_URL ?? '');
    url.search = `options=${encodeURIComponent(options)}`;
    program = await installation.start({ EXPORT_DATABASE_URL: url.href });
  });
  afterAll(() => installation?.remove());

  async function exportRows(input: object, tenant = 'acme'): Promise<{ output: ExportOutput; content: Buffer }> {
    const { id } = await program.enqueue('data:export', input, { tenant });
    const job = await program.jobEnded(id, 50_000);
    expect(job.error).toBeNull();
    const output = job.output as ExportOutput;
    const content = Buffer.from(await (await fetch(program.url + output.file.url)).arrayBuffer());
    expect(content.byteLength).toBe(output.file.bytes);
    return { output, content };
  }
  async function failure(input: object): Promise<unknown> {
    const { id } = await program.enqueue('data:export', input, { tenant: 'acme' });
    const job = await program.jobEnded(id);
    expect((await fetch(`${program.url}/v1/files/${id}-${(input as { query: string }).query}.csv`)).status).toBe(404);
    return job;
  }
  async function onDatabase<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const client = new pg.Client(installation.settings.DATABASE_URL);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  it('writes CSV that another reader understands, whatever the values hold', async () => {
    const { output, content } = await exportRows({ query: 'test.hard' });
    expect(output).toMatchObject({ format: 'csv', rows: 3, expiresAt: expect.stringMatching(/Z$/) });
    expect(output.columns.slice(2, 5)).toEqual([
      { name: 'big', type: 'bigint' },
      { name: 'digits', type: 'numeric' },
      { name: 'money', type: 'numeric' },
    ]);
    const [first, second, third] = parse(content, { columns: true }) as Record<string, string>[];
    expect(first).toEqual({
      position: '1',
      flag: 'true',
      big: '9223372036854775807',
      digits: '12345678901234567890.000000000100',
      money: '1234567890.12',
      fraction: '0.1',
      nothing: 'NaN',
      text: 'say "hi",\r\nsecond; line\t🚀',
      empty: '',
      formula: "'=1+1",
      negative: '-5',
      day: '2030-01-31',
      local: '2030-01-31T08:00:00.123456',
      moment: '2030-01-31T06:00:00.5Z',
      span: 'P1DT2H',
      document: '{"a": [1, 12345678901234567890],\n "b": "x"}',
      bytes: '3q2+7w==',
      numbers: '[1,null,3]',
      texts: '[["a\\"b","c,d"],["",null]]',
      bigs: '["9223372036854775807"]',
      moments: '["2030-01-31T08:00:00Z"]',
      id: '0190a5c0-0000-7000-8000-000000000000',
      json_null: 'null',
    });
    expect(second).toMatchObject({
      ...{ text: "'@cmd", empty: "'\t", formula: "'+49 30 1234", day: '-000043-03-15', bytes: '', numbers: '[]' },
      ...{ local: '-000043-03-15T00:00:00', moment: '1969-12-31T23:59:59.999999Z', json_null: '"text"' },
    });
    expect(Object.values(third ?? {}).every((value) => value === '' || value === '3')).toBe(true);
  });

  it('tells NULL from an empty text, and takes the delimiter, marks and header that are wanted', async () => {
    const csv = { delimiter: ';', bom: true, nulls: 'NULL', guardFormulas: false };
    const text = (await exportRows({ query: 'test.hard', csv, fileName: 'hard.csv' })).content.toString();
    expect(text.startsWith('\uFEFFposition;flag;')).toBe(true);
    expect(text).toContain(';"";=1+1;');
    expect(text).toMatch(/\r\n3(;NULL){22}\r\n$/);
    const plain = await exportRows({ query: 'test.series', parameters: { rows: 1 }, csv: { header: false } });
    expect(plain.content.toString()).toBe('1,xxxxxxxxxx,1\r\n');
  });

  it('writes JSON Lines, compressed, without rounding a digit', async () => {
    const { output, content } = await exportRows({ query: 'test.hard', format: 'jsonl', gzip: true });
    expect(output.file.key).toMatch(/test\.hard\.jsonl\.gz$/);
    const lines = gunzipSync(content).toString().trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('"document":{"a": [1, 12345678901234567890],  "b": "x"}');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      ...{ position: 1, flag: true, big: '9223372036854775807', digits: '12345678901234567890.000000000100' },
      ...{ fraction: 0.1, nothing: 'NaN', text: 'say "hi",\r\nsecond; line\t🚀', empty: '', formula: '=1+1' },
      ...{
        numbers: [1, null, 3],
        texts: [
          ['a"b', 'c,d'],
          ['', null],
        ],
        bigs: ['9223372036854775807'],
        json_null: null,
      },
    });
    expect(JSON.parse(lines[2] ?? '')).toMatchObject({ position: 3, flag: null, big: null, document: null, id: null });
  });

  it('writes Parquet with exact types', async () => {
    const { content } = await exportRows({ query: 'test.hard', format: 'parquet' });
    const table = tableFromIPC(readParquet(new Uint8Array(content)).intoIPCStream());
    const types = Object.fromEntries(table.schema.fields.map(({ name, type }) => [name, String(type)]));
    expect(types).toMatchObject({
      ...{ position: 'Int32', flag: 'Bool', big: 'Int64', digits: 'Utf8', fraction: 'Float64', nothing: 'Float32' },
      ...{
        day: 'Date32<DAY>',
        local: 'Timestamp<MICROSECOND>',
        moment: 'Timestamp<MICROSECOND, UTC>',
        bytes: 'Binary',
      },
    });
    const [first, second, third] = table.toArray().map((row) => row?.toJSON() as Record<string, unknown>);
    expect(first).toMatchObject({
      ...{ position: 1, flag: true, big: 9223372036854775807n, digits: '12345678901234567890.000000000100' },
      ...{ fraction: 0.1, nothing: Number.NaN, text: 'say "hi",\r\nsecond; line\t🚀', empty: '', formula: '=1+1' },
      ...{ document: '{"a": [1, 12345678901234567890],\n "b": "x"}', numbers: '[1,null,3]', span: 'P1DT2H' },
      bytes: new Uint8Array([0xde, 0xad, 0xbe, 0xef]),
    });
    expect(second).toMatchObject({ flag: false, big: -9223372036854775808n, empty: '\t' });
    expect(Object.values(third ?? {}).filter((value) => value !== null)).toEqual([3]);
  });

  it('writes files without rows', async () => {
    const empty = { query: 'test.series', parameters: { rows: 0 } };
    expect((await exportRows(empty)).content.toString()).toBe('n,text,one\r\n');
    expect((await exportRows({ ...empty, format: 'jsonl' })).content.toString()).toBe('');
    const { content, output } = await exportRows({ ...empty, format: 'parquet' });
    const table = tableFromIPC(readParquet(new Uint8Array(content)).intoIPCStream());
    expect([table.numRows, output.rows]).toEqual([0, 0]);
    expect(table.schema.fields.map(({ name }) => name)).toEqual(['n', 'text', 'one']);
  });

  it.each(['csv', 'parquet'])('writes 200,000 rows as %s, in batches, and each of them once', async (format) => {
    const { output, content } = await exportRows({ query: 'test.series', parameters: { rows: 200_000 }, format });
    expect(output.rows).toBe(200_000);
    if (format === 'csv') {
      const lines = content.toString().trimEnd().split('\r\n');
      expect(lines.slice(1).every((line, index) => line === `${index + 1},xxxxxxxxxx,1`)).toBe(true);
      expect(lines).toHaveLength(200_001);
      return;
    }
    const table = tableFromIPC(readParquet(new Uint8Array(content)).intoIPCStream());
    const numbers = table.getChild('n')?.toArray() as Int32Array;
    expect(numbers.every((value, index) => value === index + 1)).toBe(true);
    expect(numbers).toHaveLength(200_000);
  });

  it('is refused where there is no such query, or it does not take the parameters', async () => {
    const wrong: [object, object[]][] = [
      [
        { query: 'test.missing', parameters: { rows: 1 } },
        [
          {
            path: 'input.query',
            message: expect.stringMatching(/^there is no query "test\.missing"; there are: jobs, records, test\./),
          },
        ],
      ],
      [
        { query: 'test.series', parameters: { rows: 'x', more: 1 } },
        [
          { path: 'input.parameters.rows' },
          { path: 'input.parameters.more', message: expect.stringContaining('is not known here') },
        ],
      ],
      [
        { query: 'jobs', parameters: { status: 'lost' } },
        [{ path: expect.stringMatching(/^input\.parameters\.status/) }],
      ],
    ];
    for (const [input, errors] of wrong) {
      const { status, body } = await program.call('/v1/jobs', { json: { type: 'data:export', input } });
      expect({ status, body }).toMatchObject({ status: 422, body: { code: 'INVALID_FIELDS', errors } });
    }
  });

  it('fails at once, and leaves no file, where the query itself is wrong', async () => {
    const wrong: [object, RegExp][] = [
      [{ query: 'test.series', parameters: { rows: 50_000, faultAt: 40_000 } }, /division by zero/],
      [{ query: 'test.none' }, /returns no columns/],
      [{ query: 'test.twice' }, /two columns "a"/],
      [{ query: 'test.broken' }, /no_such_column/],
      [{ query: 'test.infinite', format: 'parquet' }, /"at" \(timestamp with time zone\) holds infinity/],
    ];
    for (const [input, message] of wrong) {
      expect(await failure(input)).toMatchObject({
        ...{ status: 'failed', reason: 'non_retryable', attempt: 1 },
        error: { message: expect.stringMatching(message) },
      });
    }
  });

  it('cannot change anything', async () => {
    await onDatabase((client) => client.query('create sequence test_sequence'));
    expect(await failure({ query: 'test.writing' })).toMatchObject({
      error: { message: expect.stringContaining('read-only') },
    });
    const { status, body } = await program.call('/v1/jobs', {
      json: { type: 'data:export', input: { query: 'test.hard', sql: 'select 1' } },
    });
    expect({ status, body }).toMatchObject({ status: 422, body: { errors: [{ path: 'input.sql' }] } });
  });

  it('ends the query on the server when the job is cancelled', async () => {
    const { id } = await program.enqueue('data:export', { query: 'test.slow' });
    const running = () =>
      onDatabase(async (client) => {
        const text = `select pid from pg_stat_activity where datname = current_database() and application_name = 'longshore export' and state = 'active' and query like 'fetch%'`;
        return (await client.query(text)).rowCount;
      });
    await waitFor(running, { describe: 'the query runs', timeoutMs: START_MS });
    await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'cancelled' });
    await waitFor(async () => (await running()) === 0, { describe: 'the query has ended' });
  });

  it('begins anew when its connection is lost', async () => {
    const { id } = await program.enqueue('data:export', { query: 'test.slow' });
    const kill = () =>
      onDatabase(async (client) => {
        const text = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'longshore export' and state = 'active' and query like 'fetch%'`;
        return (await client.query(text)).rowCount;
      });
    await waitFor(kill, { describe: 'the connection was ended', timeoutMs: START_MS });
    await waitFor(async () => (await program.outcomes(id)).length > 0, { describe: 'the attempt has failed' });
    const { body } = await program.call<{ items: unknown[] }>(`/v1/jobs/${id}/attempts`);
    expect(body.items[0]).toMatchObject({ outcome: 'retrying', error: { message: expect.stringMatching(/terminat/) } });
    await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'cancelled' });
  });

  it('exports the jobs of its own tenant only, by the filter of a list', async () => {
    const tags = ['isolation'];
    const { id } = await program.enqueue('test:echo', { secret: 1 }, { tenant: 'ours', tags });
    const others = await program.enqueue('test:echo', { secret: 2 }, { tenant: 'theirs', tags });
    await Promise.all([program.jobEnded(id), program.jobEnded(others.id)]);
    const list = async (parameters: object, tenant: string) => {
      const { content } = await exportRows({ query: 'jobs', parameters, format: 'jsonl' }, tenant);
      return content
        .toString()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    };
    expect(await list({ tag: 'isolation', status: ['completed'] }, 'ours')).toMatchObject([
      { id, tenant: 'ours', status: 'completed', input: { secret: 1 }, output: { secret: 1 }, tags, maxAttempts: 3 },
    ]);
    expect(await list({ tag: 'isolation', tenant: 'theirs' }, 'ours')).toEqual([]);
    expect(await list({ 'input.secret': 2 }, 'theirs')).toHaveLength(1);
    expect((await exportRows({ query: 'test.whose' }, 'ours')).content.toString()).toBe('tenant\r\nours\r\n');
  });
});

// The embedded server can watch its connections on Linux alone.
it.runIf(process.platform === 'linux')(
  'leaves no query on the server when the worker is killed',
  { timeout: LIMIT_MS },
  async () => {
    const installation = await Installation.create();
    const client = new pg.Client(installation.settings.DATABASE_URL);
    try {
      const program = await installation.start();
      await client.connect();
      await program.enqueue('data:export', { query: 'test.slow' });
      const text = `select 1 from pg_stat_activity where datname = current_database() and application_name = 'longshore export' and query like 'fetch%'`;
      const count = async () => (await client.query(text)).rowCount ?? 0;
      await waitFor(count, { describe: 'the query runs', timeoutMs: START_MS });
      await program.stop('SIGKILL');
      await waitFor(async () => (await count()) === 0, { describe: 'the server has ended it', timeoutMs: 30_000 });
    } finally {
      await client.end();
      await installation.remove();
    }
  },
);

it('takes no connection from the program, however long exports run', { timeout: LIMIT_MS }, async () => {
  const installation = await Installation.create({ settings: { DATABASE_POOL_SIZE: '2' } });
  const client = new pg.Client(installation.settings.DATABASE_URL);
  try {
    const program = await installation.start();
    await client.connect();
    await Promise.all([1, 2, 3].map(() => program.enqueue('data:export', { query: 'test.slow' })));
    const text = `select 1 from pg_stat_activity where datname = current_database() and application_name = 'longshore export' and query like 'fetch%'`;
    await waitFor(async () => (await client.query(text)).rowCount === 2, {
      describe: 'as many run as may',
      timeoutMs: START_MS,
    });
    const { id } = await program.enqueue('test:echo', 'meanwhile');
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed' });
  } finally {
    await client.end();
    await installation.remove();
  }
});

it('runs queries where EXPORT_DATABASE_URL leads, and shows its own rows from where they are', async () => {
  const other = await Installation.create();
  const installation = await Installation.create({
    settings: { EXPORT_DATABASE_URL: other.settings.DATABASE_URL ?? '' },
  });
  try {
    const program = await installation.start();
    const [elsewhere, here] = await Promise.all([
      program.enqueue('data:export', { query: 'test.place', format: 'jsonl' }),
      program.enqueue('data:export', { query: 'jobs', format: 'jsonl' }),
    ]);
    const { output } = await program.jobEnded(elsewhere.id);
    const row = await (await fetch(program.url + (output as ExportOutput).file.url)).json();
    expect(`/${(row as { database: string }).database}`).toBe(new URL(other.settings.DATABASE_URL ?? '').pathname);
    expect(await program.jobEnded(here.id)).toMatchObject({ status: 'completed', output: { rows: 2 } });
  } finally {
    await Promise.all([installation.remove(), other.remove()]);
  }
});
