import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { answerJson, type FakeServer, type SeenRequest, startFakeServer } from '../support/fake-server.ts';
import { findFreePort } from '../support/free-port.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const OFTEN = { intervalMs: 100, backoffFactor: 1 };
const READY = [{ path: '$.state', equals: 'ready' }];

/** A program whose queue `http` has one slot, and a server with a path for each test. */
function preparePolls(transport: TransportName) {
  let installation: Installation;
  let program: Program;
  let server: FakeServer;
  let route = 0;

  beforeAll(async () => {
    server = await startFakeServer();
    installation = await Installation.create({ transport, settings: { QUEUE_CONCURRENCY_HTTP: '1' } });
    program = await installation.start();
  });
  afterAll(async () => {
    await installation?.remove();
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    route += 1;
  });

  const pathOf = () => `/${transport}/${route}`;
  const urlOf = () => server.url + pathOf();
  const seen = (): SeenRequest[] => server.seen.filter(({ path }) => path === pathOf());

  /** Answers the calls one after another; the last answer is repeated. */
  function answer(...answers: [status: number, body: unknown, headers?: Record<string, string>][]): void {
    server.on(`GET ${pathOf()}`, (_request, response) => {
      const [status, body, headers = {}] = answers[Math.min(seen().length, answers.length) - 1] ?? [500, null];
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      answerJson(response, body, status);
    });
  }

  async function poll(input: object, options: object = {}): Promise<JobResource> {
    const { id } = await program.enqueue('http:poll', { url: urlOf(), ...OFTEN, ...input }, options);
    return program.jobEnded(id);
  }

  return {
    answer,
    poll,
    urlOf,
    seen,
    takeNextPath: () => {
      route += 1;
    },
    /** @param isReady asked at each call */
    answerWhen: (isReady: () => boolean) =>
      server.on(`GET ${pathOf()}`, (_request, response) => answerJson(response, { state: isReady() ? 'ready' : 'no' })),
    program: () => program,
    async restart() {
      await program.stop('SIGTERM');
      program = await installation.start();
    },
  };
}

describe.each(['postgres', 'bullmq'] as const)('http:poll on %s', (transport) => {
  const { answer, answerWhen, poll, program, restart, seen, urlOf } = preparePolls(transport);

  it('calls until the condition holds, counts no attempt, and keeps what fitted', async () => {
    answer([200, { state: 'running' }], [202, null], [200, { state: 'ready', file: 'a.csv' }]);
    const job = await poll({ until: READY, headers: { 'X-Key': 'k' } });
    expect(job).toMatchObject({
      status: 'completed',
      attempt: 1,
      output: {
        polls: 3,
        status: 200,
        matched: 'ready',
        body: { state: 'ready', file: 'a.csv' },
        bodyEncoding: 'json',
        bytes: 32,
      },
    });
    expect(await program().outcomes(job.id)).toEqual(['put_back', 'put_back', 'completed']);
    expect(seen().map(({ headers }) => headers['x-key'])).toEqual(['k', 'k', 'k']);
  });

  it('leaves its slot to others between the calls', async () => {
    let isReady = false;
    answerWhen(() => isReady);
    const { id } = await program().enqueue('http:poll', { url: urlOf(), ...OFTEN, until: READY });
    await waitFor(() => seen().length >= 2, { describe: 'two calls' });
    // The queue has one slot.
    const other = await program().enqueue('http:request', { url: `${program().url}/health/live` });
    expect(await program().jobEnded(other.id)).toMatchObject({ status: 'completed' });
    isReady = true;
    expect(await program().jobEnded(id)).toMatchObject({ status: 'completed' });
  });

  it('goes on after a restart of its worker, and knows how often it has called', async () => {
    let isReady = false;
    answerWhen(() => isReady);
    const { id } = await program().enqueue('http:poll', { url: urlOf(), ...OFTEN, until: READY });
    await waitFor(() => seen().length >= 2, { describe: 'two calls' });
    const before = seen().length;
    await restart();
    isReady = true;
    const job = await program().jobEnded(id);
    expect(job).toMatchObject({ status: 'completed', attempt: 1 });
    expect((job.output as { polls: number }).polls).toBe(seen().length);
    expect(seen().length).toBeGreaterThan(before);
  });
});

describe('http:poll', () => {
  const { answer, poll, program, seen, takeNextPath, urlOf } = preparePolls('postgres');

  it.each<[string, object[], unknown]>([
    ['a status', [{ status: ['2xx', 303] }], null],
    ['a status and a path', [{ status: [200] }, { path: '$.n', atLeast: 3, atMost: 3 }], 3],
    ['one of several values', [{ path: '$.items[*].state', in: ['done', 'ready'] }], 'done'],
    ['a filter', [{ path: '$.items[?@.id == 2]', exists: true }], { id: 2, state: 'done' }],
    ['what is not there', [{ path: '$.error', exists: false }], null],
    ['a pattern', [{ path: '$.name', matches: '^report-\\d+$' }], 'report-17'],
    ['an object', [{ path: '$.items[1]', equals: { state: 'done', id: 2 } }], { id: 2, state: 'done' }],
    ['null', [{ path: '$.nothing', equals: null }], null],
  ])('understands %s', async (_, until, matched) => {
    const items = [
      { id: 1, state: 'new' },
      { id: 2, state: 'done' },
    ];
    answer([404, { error: 'not yet' }], [200, { n: 3, name: 'report-17', items, nothing: null }]);
    expect(await poll({ until })).toMatchObject({ status: 'completed', output: { polls: 2, matched } });
  });

  it('fails at once when a condition of failWhen holds', async () => {
    answer([200, { state: 'running' }], [200, { state: 'broken', why: 'disk full' }]);
    const job = await poll({ until: READY, failWhen: [{ status: [410] }, { path: '$.state', equals: 'broken' }] });
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
    expect(job.error?.message).toMatch(/fits failWhen \{.*"equals":"broken".*\}: 200: \{/);
    expect(job.error?.message).toContain('disk full');
    expect(seen()).toHaveLength(2);
  });

  it('fails when the deadline passes, with the last answer', async () => {
    answer([200, { state: 'running', done: 7 }]);
    const job = await poll({ until: READY, deadlineMs: 3000 });
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
    expect(job.error?.message).toMatch(
      /deadline of 3000 ms has passed; after \d+ calls?, at last: 200: \{.*"state":"running"/,
    );
  });

  it('waits as long as the server asks, and gives up when that is after the deadline', async () => {
    answer([503, null, { 'retry-after': '1' }], [200, { state: 'ready' }]);
    const { id } = await program().enqueue('http:poll', { url: urlOf(), ...OFTEN, until: READY });
    expect(await program().jobEnded(id)).toMatchObject({ status: 'completed', output: { polls: 2 } });
    takeNextPath();
    answer([429, null, { 'retry-after': '3600' }]);
    const late = await poll({ until: READY, deadlineMs: 60_000 });
    expect(late).toMatchObject({ status: 'failed', reason: 'non_retryable' });
    expect(late.error?.message).toContain('comes before the server wants to be called again (in 3600000 ms)');
    expect(seen()).toHaveLength(1);
  });

  it('takes failed calls for not yet, until there are too many in a row', async () => {
    answer([500, null], [502, null], [200, {}], [500, null], [500, null], [200, { state: 'ready' }]);
    expect(await poll({ until: READY, maxConsecutiveErrors: 2 })).toMatchObject({
      status: 'completed',
      attempt: 1,
      output: { polls: 6 },
    });
    takeNextPath();
    answer([500, { error: 'on fire' }]);
    const options = { attempts: 2, backoff: { type: 'fixed', delayMs: 10 } };
    const failed = await poll({ until: READY, maxConsecutiveErrors: 2 }, options);
    expect(failed).toMatchObject({ status: 'failed', reason: 'attempts_exhausted', attempt: 2 });
    expect(failed.error?.message).toContain('failed 3 times in a row; at last: 500: {"error":"on fire"}');
    expect(seen()).toHaveLength(6);
  });

  it('takes a server that is away for not yet', async () => {
    const url = `http://127.0.0.1:${await findFreePort()}/`;
    const { id } = await program().enqueue('http:poll', { url, ...OFTEN, until: READY, deadlineMs: 3000 });
    const job = await program().jobEnded(id);
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable' });
    expect(job.error?.message).toMatch(/the deadline .*ECONNREFUSED/);
  });

  it('is not held up by a condition that takes for ever', async () => {
    answer([200, { text: `${'a'.repeat(50)}!` }]);
    const job = await poll({ until: [{ path: '$.text', matches: '^(a+)+$' }] });
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable' });
    expect(job.error?.message).toContain('the conditions took longer than 1000 ms');
  });
});

it('refuses an http:poll that can never end, before anything is recorded', async () => {
  const installation = await Installation.create({ settings: { MODE: 'api' } });
  try {
    const program = await installation.start();
    const pathsOf = async (input: object) => {
      const json = { type: 'http:poll', input: { url: 'https://example.com/', until: READY, ...input } };
      const { status, body } = await program.call<Problem>('/v1/jobs', { json });
      return { status, paths: body.errors?.map(({ path }) => path) };
    };
    for (const [input, path] of [
      [{ until: [] }, 'input.until'],
      [{ until: [{ path: '$.a[', exists: true }] }, 'input.until.0.path'],
      [{ until: [{ path: '$.a' }] }, 'input.until.0'],
      [{ until: [{ path: '$.a', matches: '(' }] }, 'input.until.0.matches'],
      [{ until: [{ status: [99] }] }, 'input.until.0.status.0'],
      [{ intervalMs: 99 }, 'input.intervalMs'],
      [{ intervalMs: 100, backoffFactor: 1, deadlineMs: 86_400_000 }, 'input.intervalMs'],
      [{ body: {} }, 'input.body'],
      [{ url: 'ftp://example.com' }, 'input.url'],
    ] as const) {
      expect(await pathsOf(input), path).toEqual({ status: 422, paths: [path] });
    }
  } finally {
    await installation.remove();
  }
});
