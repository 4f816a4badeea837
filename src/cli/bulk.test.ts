import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli, type FakeCliOptions } from '../../test/support/fake-cli.ts';
import { answerJson, type FakeServer, startFakeServer } from '../../test/support/fake-server.ts';
import { exitCodes } from './exit-codes.ts';

let server: FakeServer;
let folder: string;
/** What the server has stored, by idempotency key. */
let stored: Map<string, unknown[]>;

beforeEach(async () => {
  server = await startFakeServer();
  folder = mkdtempSync(join(tmpdir(), 'longshore-bulk-'));
  stored = new Map();
  server.on('POST /v1/jobs/bulk', ({ headers, body }, response) => {
    const jobs = JSON.parse(body).jobs as { input: unknown }[];
    stored.set(String(headers['idempotency-key']), jobs);
    const rejected = jobs.flatMap(({ input }, index) =>
      input === 'bad' ? [{ index, errors: [{ path: 'input', message: 'is bad' }] }] : [],
    );
    answerJson(response, { accepted: jobs.length - rejected.length, rejected, ids: [], deduplicated: [] });
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const open = (options: FakeCliOptions = {}) =>
  createFakeCli({ environment: { LONGSHORE_URL: server.url, NO_COLOR: '1' }, cwd: folder, ...options });
const toLine = (input: unknown) => JSON.stringify({ type: 'a', input });
const makeLines = (count: number) => Array.from({ length: count }, (_, n) => toLine(n));
const write = (lines: readonly string[]) => writeFileSync(join(folder, 'jobs.ndjson'), lines.join('\n'));
const sizes = () => [...stored.values()].map((jobs) => jobs.length);

describe('bulk', () => {
  it('enqueues the lines of a file, a thousand at a time', async () => {
    write(makeLines(2500));
    const cli = open();
    expect(await cli.run('bulk', 'jobs.ndjson')).toBe(exitCodes.done);
    expect(sizes()).toEqual([1000, 1000, 500]);
    expect(cli.stdout()).toBe('enqueued 2500 jobs of 2500 lines\n');
    expect(cli.stderr()).toBe('');
  });

  it('takes less at a time where the lines are long', async () => {
    write(Array.from({ length: 5 }, () => toLine('x'.repeat(200_000))));
    await open().run('bulk', 'jobs.ndjson');
    expect(sizes()).toEqual([2, 2, 1]);
  });

  it('reads standard input, passes over empty lines and a byte order mark', async () => {
    const cli = open({ stdin: `\uFEFF${toLine(1)}\r\n\n  \n${toLine(2)}\n` });
    await cli.run('bulk', '-', '--json');
    expect(JSON.parse(cli.stdout())).toEqual({ accepted: 2, deduplicated: 0, rejected: 0, lines: 4 });
  });

  it('names the lines that are not taken, and exits with 1', async () => {
    write([toLine(1), '{"type": "a", ', '', toLine('bad'), toLine(2)]);
    const cli = open();
    expect(await cli.run('bulk', 'jobs.ndjson')).toBe(exitCodes.rejected);
    expect(cli.stderr()).toMatch(/^line 4: input: is bad\nline 2: is not JSON: .*\n$/);
    expect(cli.stdout()).toBe('enqueued 2 jobs of 5 lines, 2 rejected\n');
    const quiet = open();
    await quiet.run('bulk', 'jobs.ndjson', '--errors', 'errors.ndjson');
    expect(quiet.stderr()).toBe('');
    const errors = readFileSync(join(folder, 'errors.ndjson'), 'utf8').trim().split('\n');
    expect(errors.map((line) => JSON.parse(line).line)).toEqual([4, 2]);
  });

  it('stops at Ctrl-C, and the same command goes on: what was stored has the same keys', async () => {
    write(makeLines(3000));
    const cli = open();
    const { onJson } = server;
    server.on('POST /v1/jobs/bulk', ({ headers, body }, response) => {
      stored.set(String(headers['idempotency-key']), JSON.parse(body).jobs);
      if (stored.size === 2)
        cli.interrupt(); // before it hears of the second thousand
      else answerJson(response, { accepted: 1000, rejected: [], ids: [], deduplicated: [] });
    });
    expect(await cli.run('bulk', 'jobs.ndjson')).toBe(exitCodes.interrupted);
    expect(cli.stderr()).toContain('Stopped after line 1000. The same command goes on from there within 24 hours');
    const before = [...stored.keys()];
    onJson('POST /v1/jobs/bulk', { accepted: 1000, rejected: [], ids: [], deduplicated: [] });
    server.seen.length = 0;
    await open().run('bulk', 'jobs.ndjson');
    const keys = server.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys.slice(0, 2)).toEqual(before);
    server.seen.length = 0;
    await open().run('bulk', 'jobs.ndjson', '--from-line', '2001');
    expect(server.seen.map(({ headers }) => headers['idempotency-key'])).toEqual([keys[2]]);
    await open().run('bulk', 'jobs.ndjson', '--name', 'again');
    expect(keys).not.toContain(server.seen[1]?.headers['idempotency-key']);
  });

  it('says where it was when the server goes away', async () => {
    write(makeLines(1500));
    server.on('POST /v1/jobs/bulk', (_request, response) => {
      const answer = { accepted: 1000, rejected: [], ids: [], deduplicated: [] };
      if (server.seen.length === 1) answerJson(response, answer);
      else answerJson(response, { status: 500, code: 'INTERNAL', detail: 'broken' }, 500);
    });
    const cli = open();
    expect(await cli.run('bulk', 'jobs.ndjson')).toBe(exitCodes.usage);
    expect(cli.stderr()).toContain('Stopped after line 1000.');
  });

  it('shows a bar on a terminal, above it what is rejected, and takes it away at the end', async () => {
    write([toLine('bad'), ...makeLines(1200)]);
    const cli = open({ isTTY: true, columns: 80, rows: 24 });
    await cli.run('bulk', 'jobs.ndjson');
    expect(cli.stdout()).toMatch(/█+░* +\d+ % {2}1000 lines, 1 rejected/);
    expect(cli.stdout().split('\r\u001b[2K').at(-1)).toBe('enqueued 1200 jobs of 1201 lines, 1 rejected\n');
    expect(cli.stderr()).toBe('line 1: input: is bad\n');
  });

  it('refuses a file that is not there', async () => {
    expect(await open().run('bulk', 'nothing.ndjson')).toBe(exitCodes.usage);
    expect(await open().run('bulk', '.')).toBe(exitCodes.usage);
  });
});
