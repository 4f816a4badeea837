import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli, type FakeCli, type FakeCliOptions } from '../../test/support/fake-cli.ts';
import { answerJson, type FakeServer, formatEvents, makeJob, startFakeServer } from '../../test/support/fake-server.ts';
import type { JobResource } from '../contract/job.ts';
import { exitCodes } from './exit-codes.ts';

const job = makeJob({ status: 'processing', attempt: 1, startedAt: '2026-01-01T00:00:59.000Z' });
const log = { id: '2', attempt: 1, level: 'info', message: 'half-way', fields: null, at: '2026-01-01T00:00:59.500Z' };
const completed: JobResource = {
  ...job,
  status: 'completed',
  finishedAt: '2026-01-01T00:01:00.000Z',
  output: { ok: true },
};
let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const open = (options: FakeCliOptions = {}): FakeCli =>
  createFakeCli({ environment: { LONGSHORE_URL: server.url }, ...options });

/** The job runs, reports, and ends. */
function scriptRun(ended = completed): void {
  let isEnded = false;
  server.on(`GET ${job.links.self}`, (_request, response) => answerJson(response, isEnded ? ended : job));
  server.on(`GET ${job.links.events}`, (_request, response) => {
    isEnded = true;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(
      formatEvents([
        { id: 1, type: 'job.progress', data: { percent: 50, message: 'compressing', etaMs: 1000 } },
        { id: 2, type: 'job.log', data: log },
        { id: 3, type: `job.${ended.status}`, data: {} },
      ]),
    );
  });
}

describe('enqueue', () => {
  it('sends the type, the input and every option', async () => {
    server.onJson('POST /v1/jobs', makeJob(), 202);
    const cli = open({ stdin: '{"from":"a pipe"}' });
    const flags = '--queue q --priority -5 --attempts 2 --timeout-ms 10 --ttl-ms 20 --delay-ms 30 --tag a --tag b';
    const more = ['--metadata', '{"order":17}', '--webhook', 'http://x/hook', '--tenant', 'acme', '--key', 'secret'];
    const groups = ['--concurrency-key', 'customer 17', '--batch', job.id];
    const code = await cli.run('enqueue', 'http:request', '--input', '-', ...flags.split(' '), ...more, ...groups);

    expect(code).toBe(exitCodes.done);
    expect(server.seen[0]?.headers.authorization).toBe('Bearer secret');
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
      type: 'http:request',
      input: { from: 'a pipe' },
      options: {
        queue: 'q',
        priority: -5,
        attempts: 2,
        timeoutMs: 10,
        ttlMs: 20,
        delayMs: 30,
        tags: ['a', 'b'],
        metadata: { order: 17 },
        webhook: { url: 'http://x/hook' },
        tenant: 'acme',
        concurrencyKey: 'customer 17',
        batchId: job.id,
      },
    });
    expect(cli.stdout()).toBe(`queued http:request ${job.id}\n`);
  });

  it('shows the job until it has ended with --wait', async () => {
    server.onJson('POST /v1/jobs', makeJob(), 202);
    scriptRun();
    const cli = open();
    expect(await cli.run('enqueue', 'http:request', '--wait')).toBe(exitCodes.done);
    expect(cli.stdout()).toContain('✔ completed');
  });

  it('prints one document with --wait --json, and exits by the status', async () => {
    server.onJson('POST /v1/jobs', makeJob(), 202);
    server.onJson(`GET ${job.links.self}`, { ...completed, status: 'cancelled' });
    const cli = open();
    expect(await cli.run('enqueue', 'http:request', '--wait', '--json')).toBe(exitCodes.jobFailed);
    expect(JSON.parse(cli.stdout())).toMatchObject({ status: 'cancelled' });
  });

  it('shows what the server refuses, field by field', async () => {
    const errors = [{ path: 'input.url', message: 'is required' }];
    server.onJson(
      'POST /v1/jobs',
      { code: 'INVALID_FIELDS', status: 422, detail: '1 field is not valid', errors },
      422,
    );
    const cli = open();
    expect(await cli.run('enqueue', 'http:request')).toBe(exitCodes.usage);
    expect(cli.stderr()).toBe('error: 1 field is not valid\n  input.url: is required\n');
    const jsonCli = open();
    await jsonCli.run('enqueue', 'http:request', '--json');
    expect(JSON.parse(jsonCli.stderr())).toMatchObject({ error: { code: 'INVALID_FIELDS', errors, exitCode: 2 } });
    expect(jsonCli.stdout()).toBe('');
  });

  it('says once what is wrong with the request as a whole', async () => {
    const fault = '"a" is not one of: b';
    const problem = { code: 'UNKNOWN_TYPE', status: 422, detail: `there is no job type "a"; ${fault}` };
    server.onJson('POST /v1/jobs', { ...problem, errors: [{ path: 'type', message: fault }] }, 422);
    const cli = open();
    await cli.run('enqueue', 'a');
    expect(cli.stderr()).toBe(`error: ${problem.detail}\n`);
  });

  it.each([
    [['enqueue', 'a', '--foo'], "unknown option '--foo'"],
    [['jobs', 'lst'], "unknown command 'lst'"],
    [['jobs', 'list', '--status', 'bogus'], 'Allowed are scheduled'],
    [['jobs'], 'a command is missing'],
  ])('tells of %j as JSON where it is asked to', async (args, message) => {
    const cli = open();
    expect(await cli.run(...args, '--json')).toBe(exitCodes.usage);
    const { error } = JSON.parse(cli.stderr());
    expect(error).toEqual({ code: 'USAGE', message: expect.stringContaining(message), exitCode: 2 });
    expect(cli.stdout()).toBe('');
  });

  it.each([
    [['enqueue', 'a', '--input', '{'], 'not JSON'],
    [['enqueue', 'a', '--metadata', '[1]'], 'must be a JSON object'],
    [['enqueue', 'a', '--input', '-', '--metadata', '-'], 'cannot both be read'],
    [['enqueue', 'a', '--priority', 'high'], 'It must be a whole number'],
    [['enqueue', 'a', '--run-at', 'soon'], 'It must be a time'],
    [['enqueue'], "missing required argument 'type'"],
    [['jobs', 'list', '--status', 'done'], 'Allowed are scheduled'],
    [['jobs', 'lst'], 'Did you mean list?'],
    [['types', '--url', 'nowhere'], 'not an http or https URL'],
  ])('%j is wrong usage', async (args, message) => {
    const cli = open();
    expect(await cli.run(...args)).toBe(exitCodes.usage);
    expect(cli.stderr()).toContain(message);
    expect(server.seen).toEqual([]);
  });
});

describe('jobs watch', () => {
  it('draws one live line on a terminal, with the log lines above it', async () => {
    scriptRun();
    const cli = open({ isTTY: true, columns: 80 });
    expect(await cli.run('jobs', 'watch', job.id)).toBe(exitCodes.done);
    const seen = renderScreen(cli.stdout());
    expect(seen[0]).toBe(`http:request ${job.id}`);
    expect(seen[1]).toMatch(/INFO {2}half-way$/);
    expect(seen[2]).toBe('✔ completed in 1.0 s');
    expect(seen[3]).toBe('output    {"ok":true}');
    expect(cli.stdout()).toContain(' 50 %');
  });

  it('writes plain lines into a pipe', async () => {
    scriptRun();
    const cli = open();
    await cli.run('jobs', 'watch', job.id);
    expect(cli.stdout()).not.toContain('\u001b');
    expect(cli.stdout()).not.toContain('\r');
    expect(cli.stdout()).toContain(' 50 %  compressing  (ETA 1.0 s)\n');
  });

  it('prints every event as a line of JSON', async () => {
    scriptRun();
    const cli = open();
    await cli.run('jobs', 'watch', job.id, '--json');
    const lines = cli.stdout().trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      'job.progress',
      'job.log',
      'job.completed',
    ]);
  });

  it.each(['failed', 'cancelled', 'expired'] as const)('exits with 1 when the job ends as %s', async (status) => {
    const error = { name: 'Error', message: 'no luck', attempt: 1 };
    scriptRun({ ...completed, status, output: null, error });
    const cli = open();
    expect(await cli.run('jobs', 'watch', job.id)).toBe(exitCodes.jobFailed);
    expect(cli.stdout()).toContain('error     Error: no luck');
  });

  it('stops at Ctrl-C and leaves the job alone', async () => {
    server.onJson(`GET ${job.links.self}`, job);
    const cli = open();
    server.on(`GET ${job.links.events}`, (_request, response) => {
      response.writeHead(200).write(': open\n\n', () => cli.interrupt());
    });
    expect(await cli.run('jobs', 'watch', job.id)).toBe(exitCodes.interrupted);
    expect(cli.stderr()).toContain('the job goes on');
    expect(server.seen.map(({ method }) => method)).not.toContain('POST');
  });
});

describe('jobs', () => {
  it('lists, and says how to go on', async () => {
    server.onJson('GET /v1/jobs', { items: [job, completed], nextCursor: 'abc' });
    const cli = open();
    expect(await cli.run('jobs', 'list', '--status', 'failed,expired', '--limit', '2')).toBe(exitCodes.done);
    expect(server.seen[0]?.path).toBe('/v1/jobs?limit=2&status=failed%2Cexpired');
    expect(cli.stdout().split('\n')[0]).toMatch(/^STATUS +ID +TYPE +ATTEMPT +CREATED +TOOK +NOTE$/);
    expect(cli.stdout()).toContain('1 min ago');
    expect(cli.stderr()).toContain('--cursor abc');
  });

  it('shows one in full, in words or as JSON', async () => {
    server.onJson(`GET ${job.links.self}`, completed);
    const cli = open();
    await cli.run('jobs', 'get', job.id);
    expect(cli.stdout()).toContain('attempt   1 of 3');
    const jsonCli = open();
    await jsonCli.run('--json', 'jobs', 'get', job.id);
    expect(JSON.parse(jsonCli.stdout())).toEqual(completed);
  });

  it('cancels', async () => {
    server.onJson(`POST ${job.links.cancel}`, { ...job, status: 'cancelled' }, 202);
    const cli = open();
    expect(await cli.run('jobs', 'cancel', job.id)).toBe(exitCodes.done);
    expect(cli.stdout()).toBe(`cancelled ${job.id}\n`);
  });

  it('prints log lines, all pages', async () => {
    server.on(`GET ${job.links.self}/logs`, ({ path }, response) => {
      const isFirst = !path.includes('cursor');
      answerJson(response, { items: [{ ...log, message: isFirst ? 'one' : 'two' }], nextCursor: isFirst ? 'c' : null });
    });
    const cli = open();
    await cli.run('jobs', 'logs', job.id);
    expect(cli.stdout()).toMatch(/one\n.*two\n$/);
  });

  it('follows log lines and prints each once', async () => {
    scriptRun();
    server.onJson(`GET ${job.links.self}/logs`, {
      items: [{ ...log, id: '1', message: 'begins' }, log],
      nextCursor: null,
    });
    const cli = open();
    expect(await cli.run('jobs', 'logs', job.id, '--follow', '--json')).toBe(exitCodes.done);
    const lines = cli.stdout().trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['begins', 'half-way']);
  });
});

describe('the rest', () => {
  it('tells a missing server from everything else', async () => {
    await server[Symbol.asyncDispose]();
    const cli = open();
    expect(await cli.run('queues')).toBe(exitCodes.unreachable);
    expect(cli.stderr()).toContain('longshore start');
    server = await startFakeServer();
  });

  it('exits with 2 for a job that does not exist', async () => {
    server.onJson('GET /v1/jobs/x', { code: 'NOT_FOUND', status: 404, detail: 'there is no job x' }, 404);
    const cli = open();
    expect(await cli.run('jobs', 'get', 'x')).toBe(exitCodes.usage);
    expect(cli.stderr()).toBe('error: there is no job x\n');
  });

  it('lists types with the fields of their input', async () => {
    const inputSchema = { properties: { url: {}, method: {} }, required: ['url'] };
    const defaults = { attempts: 3, timeoutMs: 60_000, backoff: {} };
    const type = {
      type: 'http:request',
      description: 'Calls',
      queue: 'http',
      inputSchema,
      outputSchema: null,
      defaults,
    };
    server.onJson('GET /v1/types', { items: [type], nextCursor: null });
    const cli = open();
    await cli.run('types');
    expect(cli.stdout()).toContain('http:request  http          3    1 min  url, method?  Calls');
  });

  it('documents its exit codes in the help', async () => {
    const cli = open();
    expect(await cli.run('--help')).toBe(exitCodes.done);
    for (const code of Object.values(exitCodes)) expect(cli.stdout()).toMatch(new RegExp(`^ {2}${code} `, 'm'));
    expect(await open().run('--version')).toBe(exitCodes.done);
  });
});

/** What a terminal shows at the end: a line that was cleared is gone. */
function renderScreen(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is undone
  const drawn = text.replace(/[^\n]*\r\u001b\[2K/g, '').replace(/\u001b\[\d+m/g, '');
  return drawn.split('\n');
}
