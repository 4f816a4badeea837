import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answerJson, type FakeServer, makeJob, startFakeServer } from '../../test/support/fake-server.ts';
import {
  AnswerError,
  ConflictError,
  createClient,
  ForbiddenError,
  NotFoundError,
  RateLimitedError,
  TimeoutError,
  UnauthorizedError,
  ValidationError,
} from '../client.ts';

const job = makeJob();
let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

/** Answers in turn, the last one for ever; `cut` breaks the connection. */
function answerInTurn(
  route: string,
  answers: (number | 'cut' | 'silence')[],
  headers: Record<string, string> = {},
): void {
  server.on(route, (_request, response) => {
    const answer = answers[Math.min(server.seen.length, answers.length) - 1];
    if (answer === 'cut') return void response.destroy();
    if (answer === 'silence') return;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const isGood = Number(answer) < 300;
    const code = answer === 409 ? 'IDEMPOTENCY_IN_FLIGHT' : 'SOME_CODE';
    answerJson(response, isGood ? job : { status: answer, code, detail: 'no' }, Number(answer));
  });
}

describe('a call that may be repeated', () => {
  it.each(['cut', 429, 502, 503, 504] as const)('is repeated after %s', async (fault) => {
    answerInTurn('POST /v1/jobs', [fault, fault, 202]);
    await createClient({ url: server.url }).jobs.create('a', {});
    const keys = server.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it('is repeated when no answer comes in time, and then throws a TimeoutError', async () => {
    answerInTurn('GET /v1/stats', ['silence']);
    const stats = createClient({ url: server.url, timeoutMs: 50, retries: 1 }).stats();
    await expect(stats).rejects.toMatchObject({ name: 'TimeoutError', code: 'TIMEOUT', timeoutMs: 50 });
    expect(server.seen).toHaveLength(2);
  });

  it('is not repeated more often than it may be, for the client or for the call', async () => {
    answerInTurn('GET /v1/stats', [503]);
    const client = createClient({ url: server.url, retries: 2 });
    await expect(client.stats()).rejects.toBeInstanceOf(AnswerError);
    expect(server.seen).toHaveLength(3);
    await expect(client.stats({ retries: 0 })).rejects.toBeInstanceOf(AnswerError);
    expect(server.seen).toHaveLength(4);
  });

  it('is not repeated after a refusal', async () => {
    answerInTurn('POST /v1/jobs', [422]);
    await expect(createClient({ url: server.url }).jobs.create('a', {})).rejects.toBeInstanceOf(ValidationError);
    expect(server.seen).toHaveLength(1);
  });

  it('is not repeated when the server asks for a longer wait than a caller would like to hang in', async () => {
    answerInTurn('GET /v1/stats', [429], { 'retry-after': '3600' });
    const stats = createClient({ url: server.url }).stats();
    await expect(stats).rejects.toMatchObject({ name: 'RateLimitedError', retryAfterMs: 3_600_000 });
    expect(server.seen).toHaveLength(1);
  });

  it('waits for its own first try, which the server still works on', async () => {
    answerInTurn('POST /v1/jobs', ['cut', 409, 409, 202]);
    await createClient({ url: server.url, retries: 1 }).jobs.create('a', {});
    expect(server.seen).toHaveLength(4);
  });

  it('does not wait for the call of somebody else with the same key', async () => {
    answerInTurn('POST /v1/jobs', [409]);
    const created = createClient({ url: server.url }).jobs.create('a', {}, {}, { idempotencyKey: 'shared' });
    await expect(created).rejects.toBeInstanceOf(ConflictError);
    expect(server.seen).toHaveLength(1);
  });

  it('ends at its signal, also between two tries', async () => {
    const stopping = new AbortController();
    server.on('GET /v1/stats', (_request, response) => {
      answerJson(response, { status: 503, code: 'SOME_CODE', detail: 'no' }, 503);
      response.on('close', () => stopping.abort(new Error('enough')));
    });
    const stats = createClient({ url: server.url, retries: 100 }).stats({ signal: stopping.signal });
    await expect(stats).rejects.toThrow('enough');
  });
});

describe('a call that may not be repeated', () => {
  it('is made once', async () => {
    answerInTurn(`POST ${job.links.cancel}`, [503]);
    await expect(createClient({ url: server.url }).jobs.cancel(job.id)).rejects.toMatchObject({ status: 503 });
    expect(server.seen).toHaveLength(1);
  });

  it('is made once when its content can be read only once', async () => {
    answerInTurn('POST /v1/files', [503]);
    const content = new Blob(['text']).stream();
    await expect(createClient({ url: server.url }).files.upload(content)).rejects.toMatchObject({ status: 503 });
    expect(server.seen).toHaveLength(1);
  });
});

describe('an error', () => {
  it.each([
    [400, AnswerError],
    [401, UnauthorizedError],
    [403, ForbiddenError],
    [404, NotFoundError],
    [409, ConflictError],
    [422, ValidationError],
    [429, RateLimitedError],
    [500, AnswerError],
  ])('of status %i has its class, and is an AnswerError too', async (status, kind) => {
    answerInTurn('GET /v1/stats', [status]);
    const error = await createClient({ url: server.url, retries: 0 })
      .stats()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ name: kind.name, status });
    expect(error).toBeInstanceOf(AnswerError);
  });

  it('of a request that took too long says that the server is unreachable', () => {
    expect(new TimeoutError('http://a', 5, undefined).message).toBe('cannot reach http://a: no answer within 5 ms');
  });
});

describe('run', () => {
  it('gives the output of a job that completed', async () => {
    server.onJson('POST /v1/jobs', job, 202);
    server.onJson(`GET ${job.links.self}`, { ...job, status: 'completed', output: { n: 1 } });
    expect(await createClient({ url: server.url }).jobs.run('a', {})).toEqual({ n: 1 });
  });

  it.each([
    ['failed', 'JobFailedError', 'JOB_FAILED', `job ${job.id} (http:request) failed: timeout, too slow`],
    [
      'cancelled',
      'JobCancelledError',
      'JOB_CANCELLED',
      `job ${job.id} (http:request) has been cancelled: timeout, too slow`,
    ],
    ['expired', 'JobExpiredError', 'JOB_EXPIRED', `job ${job.id} (http:request) has expired: timeout, too slow`],
  ] as const)('throws what a job that %s comes to', async (status, name, code, message) => {
    const ended = makeJob({ status, reason: 'timeout', error: { name: 'Error', message: 'too slow', attempt: 1 } });
    server.onJson('POST /v1/jobs', job, 202);
    server.onJson(`GET ${job.links.self}`, ended);
    const { jobs } = createClient({ url: server.url });
    await expect(jobs.run('a', {})).rejects.toMatchObject({ name, code, message, job: { id: job.id } });
    await expect(jobs.wait(job.id, { throwOnFailure: true })).rejects.toMatchObject({ name });
    expect(await jobs.wait(job.id)).toMatchObject({ status });
  });
});
