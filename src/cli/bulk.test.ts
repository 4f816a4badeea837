import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli, type FakeCliOptions } from '../../test/support/fake-cli.ts';
import { answerJson, type FakeServer, type SeenRequest, startFakeServer } from '../../test/support/fake-server.ts';
import { createFolder } from '../../test/support/program.ts';
import type { BulkAnswer } from '../contract/bulk.ts';
import { exitCodes } from './exit-codes.ts';

const ROUTE = 'POST /v1/jobs/bulk';
let folder: Awaited<ReturnType<typeof createFolder>>;
let server: FakeServer;
beforeEach(async () => {
  folder = await createFolder();
  server = await startFakeServer();
  server.on(ROUTE, (request, response) => answerJson(response, accept(request)));
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await folder.remove();
});

const jobsOf = ({ body }: SeenRequest) => (JSON.parse(body) as { jobs: { input?: unknown }[] }).jobs;
const keysOf = () => server.seen.map(({ headers }) => headers['idempotency-key']);
/** Every job but those whose input is "bad". */
function accept(request: SeenRequest): BulkAnswer {
  const bad = jobsOf(request).flatMap(({ input }, index) => (input === 'bad' ? [index] : []));
  const rejected = bad.map((index) => ({ index, errors: [{ path: 'input.url', message: 'is required' }] }));
  return { accepted: jobsOf(request).length - bad.length, rejected, ids: [], deduplicated: [] };
}
const open = ({ environment, ...options }: FakeCliOptions = {}) =>
  createFakeCli({
    cwd: folder.path,
    ...options,
    environment: { LONGSHORE_URL: server.url, XDG_STATE_HOME: join(folder.path, 'state'), ...environment },
  });
const run = async (args: string[] = [], options?: FakeCliOptions) => {
  const cli = open(options);
  return { code: await cli.run('bulk', ...args), stdout: cli.stdout(), stderr: cli.stderr() };
};
const lineOf = (input: unknown) => JSON.stringify({ type: 'a', input });
const writeJobs = (count: number, name = 'jobs.ndjson') =>
  writeFileSync(join(folder.path, name), Array.from({ length: count }, (_, index) => lineOf(index)).join('\n'));

describe('bulk', () => {
  it('sends the lines in their order, a thousand at a time, each part with a key of its own', async () => {
    writeJobs(2_500);
    const { code, stdout, stderr } = await run(['jobs.ndjson']);
    expect({ code, stderr }).toEqual({ code: exitCodes.done, stderr: '' });
    expect(stdout).toMatch(/^2500 accepted, 0 rejected in 0 ms\n$/);
    expect(server.seen.flatMap(jobsOf).map(({ input }) => input)).toEqual([...Array(2_500).keys()]);
    expect(new Set(keysOf()).size).toBe(3);
  });

  it('names rejected lines by their number, goes on with the rest and exits with 1', async () => {
    writeFileSync(join(folder.path, 'jobs.ndjson'), [lineOf(1), '{"type":', '', lineOf('bad'), lineOf(2)].join('\n'));
    const { code, stdout, stderr } = await run(['jobs.ndjson']);
    expect(code).toBe(exitCodes.jobFailed);
    expect(stdout).toContain('2 accepted, 2 rejected');
    expect(stderr).toBe(
      'line 2: is not JSON: Unexpected end of JSON input (column 9)\nline 4: input.url: is required\n',
    );
  });

  it('writes them into a file with --errors, and totals as JSON', async () => {
    writeFileSync(join(folder.path, 'jobs.ndjson'), [lineOf('bad'), lineOf(2)].join('\n'));
    const { stdout, stderr } = await run(['jobs.ndjson', '--errors', 'errors.ndjson', '--json']);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ lines: 2, accepted: 1, rejected: 1, deduplicated: 0, resumedAtLine: 0 });
    expect(JSON.parse(readFileSync(join(folder.path, 'errors.ndjson'), 'utf8'))).toEqual({
      line: 1,
      errors: [{ path: 'input.url', message: 'is required' }],
      text: lineOf('bad'),
    });
  });

  it('goes on where it was interrupted, with the same keys', async () => {
    writeJobs(2_500);
    const interrupted = open();
    server.on(ROUTE, (request, response) => {
      if (server.seen.length === 1) answerJson(response, accept(request));
      else interrupted.interrupt(); // in the middle of the second request
    });
    expect(await interrupted.run('bulk', 'jobs.ndjson')).toBe(exitCodes.interrupted);
    expect(interrupted.stderr()).toContain('the same command goes on from there');

    server.on(ROUTE, (request, response) => answerJson(response, accept(request)));
    const { stdout, stderr } = await run(['jobs.ndjson']);
    expect(stderr).toBe('Going on after line 1000.\n');
    expect(stdout).toContain('2500 accepted');
    const keys = keysOf();
    expect(keys).toHaveLength(4);
    expect(keys[2]).toBe(keys[1]);
  });

  it('sends nothing twice; with --again all of it, under other keys', async () => {
    writeJobs(1_500);
    await run(['jobs.ndjson']);
    const { code, stdout, stderr } = await run(['jobs.ndjson']);
    expect({ code, stdout }).toMatchObject({ code: exitCodes.done, stdout: expect.stringContaining('1500 accepted') });
    expect(stderr).toContain('--again enqueues it once more');
    expect(server.seen).toHaveLength(2);
    await run(['jobs.ndjson', '--again']);
    expect(new Set(keysOf()).size).toBe(4);
  });

  it('takes the same keys without its memory, and others for another file', async () => {
    writeJobs(10);
    writeJobs(11, 'others.ndjson');
    await run(['jobs.ndjson']);
    await run(['jobs.ndjson'], { environment: { XDG_STATE_HOME: join(folder.path, 'elsewhere') } });
    await run(['others.ndjson']);
    const [first, second, third] = keysOf();
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it('sends a file anew to another server or with another key, which may be of another tenant', async () => {
    writeJobs(10);
    await run(['jobs.ndjson']);
    await run(['jobs.ndjson', '--key', 'of-another-tenant']);
    expect(server.seen).toHaveLength(2);
  });

  it.each([429, 503])('waits and sends the same again after %i', async (status) => {
    writeJobs(10);
    server.on(ROUTE, (request, response) => {
      if (server.seen.length > 1) return answerJson(response, accept(request));
      response.setHeader('retry-after', '0');
      answerJson(response, { code: 'TOO_MANY', status, detail: 'later' }, status);
    });
    expect(await run(['jobs.ndjson'])).toMatchObject({ code: exitCodes.done });
    expect(new Set(keysOf()).size).toBe(1);
  });

  it('waits for an earlier request with the same jobs, which the server still works on', async () => {
    writeJobs(10);
    server.on(ROUTE, (request, response) => {
      if (server.seen.length > 1) return answerJson(response, accept(request));
      answerJson(response, { code: 'IDEMPOTENCY_IN_FLIGHT', status: 409, detail: 'not yet' }, 409);
    });
    expect(await run(['jobs.ndjson'])).toMatchObject({ code: exitCodes.done });
  });

  it('sends less at once where it is too much for the server, and rejects a line that is so alone', async () => {
    writeFileSync(join(folder.path, 'jobs.ndjson'), [1, 2, 'long', 4].map(lineOf).join('\n'));
    server.on(ROUTE, (request, response) => {
      const isTooLong = jobsOf(request).length > 1 || request.body.includes('long');
      if (!isTooLong) return answerJson(response, accept(request));
      answerJson(response, { code: 'BODY_TOO_LARGE', status: 413, detail: 'the body is too large' }, 413);
    });
    const { code, stdout, stderr } = await run(['jobs.ndjson']);
    expect(code).toBe(exitCodes.jobFailed);
    expect(stdout).toContain('3 accepted, 1 rejected');
    expect(stderr).toBe('line 3: the body is too large\n');
  });

  it('stops at once when the server refuses the caller, or was never there', async () => {
    writeJobs(10);
    server.onJson(ROUTE, { code: 'UNAUTHENTICATED', status: 401, detail: 'no key' }, 401);
    expect(await run(['jobs.ndjson'])).toMatchObject({ code: exitCodes.usage });
    expect(server.seen).toHaveLength(1);
    expect(await run(['jobs.ndjson', '--url', 'http://127.0.0.1:1'])).toMatchObject({ code: exitCodes.unreachable });
  });

  it('reads standard input, and leaves no copy of it', async () => {
    const { code } = await run(['-'], { stdin: `${lineOf(1)}\n${lineOf(2)}` });
    expect(code).toBe(exitCodes.done);
    expect(server.seen.flatMap(jobsOf)).toHaveLength(2);
    expect(readdirSync(join(folder.path, 'state', 'longshore'))).toEqual(['bulk']);
  });

  it.each([
    ['', 'is empty: a line for each job is expected'],
    ['\n \n', 'every line is blank'],
  ])('says of the file %j that there is nothing in it', async (text, message) => {
    writeFileSync(join(folder.path, 'jobs.ndjson'), text);
    const { code, stderr } = await run(['jobs.ndjson']);
    expect(code).toBe(exitCodes.usage);
    expect(stderr).toContain(message);
    expect(await run(['-'], { stdin: text })).toMatchObject({ code: exitCodes.usage });
  });

  it.each([
    ['missing.ndjson', 'missing.ndjson cannot be read: ENOENT'],
    ['.', '. cannot be read: EISDIR'],
  ])('says why %s cannot be read', async (file, message) => {
    const { code, stderr } = await run([file]);
    expect(code).toBe(exitCodes.usage);
    expect(stderr).toContain(message);
  });

  it('draws a bar on a terminal, and clears it', async () => {
    writeJobs(2_000);
    const cli = open({ isTTY: true, columns: 80 });
    await cli.run('bulk', 'jobs.ndjson');
    expect(cli.stdout()).toContain('░');
    expect(cli.stdout()).toContain('  48 %  line 1000');
    expect(cli.stdout().split('\u001b[2K').at(-1)).toBe('2000 accepted, 0 rejected in 0 ms\n');
  });
});
