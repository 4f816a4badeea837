import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answerJson, type FakeServer, formatEvents, makeJob, startFakeServer } from '../test/support/fake-server.ts';
import { findFreePort } from '../test/support/free-port.ts';
import { createClient, LongshoreError, ServerUnreachableError, WaitTimeoutError } from './client.ts';
import type { JobEvent } from './contract/job.ts';

const job = makeJob();
let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

async function collect(events: AsyncIterable<JobEvent>): Promise<JobEvent[]> {
  const seen: JobEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

describe('requests', () => {
  it('asks for what AI calls used, and leaves out what is not given', async () => {
    const page = { items: [], nextCursor: null };
    server.onJson('GET /v1/ai-usage', page);
    const { aiUsage } = createClient({ url: server.url });
    expect(await aiUsage.list({ tenant: 'a b', from: '2030-01-01', limit: 5 })).toEqual(page);
    await aiUsage.list();
    expect(server.seen.map(({ path }) => path)).toEqual([
      '/v1/ai-usage?tenant=a+b&from=2030-01-01&limit=5',
      '/v1/ai-usage',
    ]);
  });

  it('sends the key, the body and how long to hold, and returns the job', async () => {
    server.onJson('POST /v1/jobs', job, 202);
    const client = createClient({ url: `${server.url}/`, key: 'secret' });

    const created = await client.jobs.create('http:request', { url: 'x' }, { priority: 5 }, { waitSeconds: 2 });

    expect(created).toEqual(job);
    const [request] = server.seen;
    expect(request?.headers).toMatchObject({ authorization: 'Bearer secret', prefer: 'wait=2' });
    expect(JSON.parse(request?.body ?? '')).toEqual({
      type: 'http:request',
      input: { url: 'x' },
      options: { priority: 5 },
    });
  });

  it('sends an idempotency key along with what creates: the one that is given, or a new one for each call', async () => {
    server.onJson('POST /v1/jobs', job, 202);
    const answer = { accepted: 1, rejected: [], ids: [job.id], deduplicated: [] };
    server.onJson('POST /v1/jobs/bulk', answer);
    const { jobs } = createClient({ url: server.url });
    await jobs.create('http:request', {}, undefined, { idempotencyKey: 'order-17' });
    const wanted = [{ type: 'http:request', input: {}, options: { deduplicationKey: 'a' } }];
    expect(await jobs.createMany(wanted, { idempotencyKey: 'orders-17' })).toEqual(answer);
    await jobs.createMany(wanted);
    await jobs.createMany(wanted);
    const keys = server.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys.slice(0, 2)).toEqual(['order-17', 'orders-17']);
    expect(keys.slice(2)).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(new Set(keys).size).toBe(4);
    expect(JSON.parse(server.seen[1]?.body ?? '')).toEqual({ jobs: wanted });
  });

  it('keeps the path of the address and writes a filter as the server reads it', async () => {
    server.onJson('GET /base/v1/jobs', { items: [], nextCursor: null });
    await createClient({ url: `${server.url}/base` }).jobs.list({ status: ['failed', 'expired'], limit: 5 });
    expect(server.seen[0]?.path).toBe('/base/v1/jobs?limit=5&status=failed%2Cexpired');
  });

  it('walks all pages, each of which it asks for once', async () => {
    server.on('GET /v1/jobs', ({ path }, response) => {
      const isFirst = !path.includes('cursor');
      answerJson(response, { items: [makeJob({ id: isFirst ? 'a' : 'b' })], nextCursor: isFirst ? 'next' : null });
    });
    const list = createClient({ url: server.url }).jobs.list({ type: 'http:request' });
    expect((await list.page()).items.map(({ id }) => id)).toEqual(['a']);
    const ids: string[] = [];
    for await (const { id } of list) ids.push(id);
    expect(ids).toEqual(['a', 'b']);
    const query = '/v1/jobs?type=http%3Arequest';
    expect(server.seen.map(({ path }) => path)).toEqual([query, `${query}&cursor=next`]);
  });

  it('refuses an address that is not http', () => {
    expect(() => createClient({ url: 'localhost:3001' })).toThrow(TypeError);
  });
});

describe('errors', () => {
  it('turns a problem into a LongshoreError with every fault', async () => {
    const errors = [{ path: 'input.url', message: 'is required' }];
    server.on('POST /v1/jobs', (_request, response) => {
      response.setHeader('retry-after', '2');
      answerJson(
        response,
        { type: '', title: '', status: 422, detail: 'not valid', code: 'INVALID_FIELDS', errors },
        422,
      );
    });
    const error = await createClient({ url: server.url })
      .jobs.create('a', {})
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LongshoreError);
    expect(error).toMatchObject({
      code: 'INVALID_FIELDS',
      status: 422,
      detail: 'not valid',
      errors,
      retryAfterMs: 2000,
    });
  });

  it.each([200, 502])('names an answer with status %i that is not Longshore’s', async (status) => {
    server.on('GET /v1/stats', (_request, response) => void response.writeHead(status).end('<html>'));
    const error = await createClient({ url: server.url })
      .stats()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'UNEXPECTED_ANSWER', status });
  });

  it('says so when nothing listens', async () => {
    const url = await findDeadUrl();
    const error = await createClient({ url })
      .stats()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServerUnreachableError);
    expect(error).toMatchObject({ url, message: `cannot reach ${url}: ECONNREFUSED` });
  });

  it('does not wait for an answer for ever', async () => {
    server.on('GET /v1/stats', () => {});
    const error = await createClient({ url: server.url, timeoutMs: 50, retries: 0 })
      .stats()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'TimeoutError', message: expect.stringContaining('within 50 ms') });
  });

  it('shows the health of a program that is not ready', async () => {
    server.onJson('GET /health', { status: 'stopping' }, 503);
    expect(await createClient({ url: server.url }).health()).toMatchObject({ status: 'stopping' });
  });
});

describe('wait', () => {
  it('asks again until the job has ended', async () => {
    let calls = 0;
    server.on(`GET ${job.links.self}`, (_request, response) => {
      calls += 1;
      answerJson(response, calls < 2 ? job : { ...job, status: 'completed' });
    });
    expect(await createClient({ url: server.url }).jobs.wait(job.id)).toMatchObject({ status: 'completed' });
    expect(server.seen[1]?.path).toContain('wait=25');
  });

  it('gives up with the job as it was last seen', async () => {
    server.onJson(`GET ${job.links.self}`, job);
    const error = await createClient({ url: server.url })
      .jobs.wait(job.id, { timeoutMs: 20 })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(error).toMatchObject({ job: { id: job.id } });
  });

  it('survives a server that stops while it holds the first request', async () => {
    const { jobs } = createClient({ url: server.url });
    server.on(`GET ${job.links.self}`, ({ path }, response) => {
      if (server.seen.length < 3 && !path.endsWith('wait=0')) return void response.destroy();
      answerJson(response, server.seen.length < 3 ? job : { ...job, status: 'completed' });
    });
    expect(await jobs.wait(job.id)).toMatchObject({ status: 'completed' });
    expect(server.seen.map(({ path }) => path.split('?')[1])).toEqual(['wait=0', 'wait=25', 'wait=25']);
  });

  it('survives a server that stops for a moment', async () => {
    let calls = 0;
    server.on(`GET ${job.links.self}`, (_request, response) => {
      calls += 1;
      if (calls === 2) response.destroy();
      else answerJson(response, calls === 1 ? job : { ...job, status: 'failed' });
    });
    expect(await createClient({ url: server.url }).jobs.wait(job.id)).toMatchObject({ status: 'failed' });
  });

  it('stops at the signal', async () => {
    const stopping = new AbortController();
    server.on(`GET ${job.links.self}`, () => stopping.abort(new Error('enough')));
    await expect(createClient({ url: server.url }).jobs.wait(job.id, stopping)).rejects.toThrow('enough');
  });
});

describe('events', () => {
  const route = `GET ${job.links.events}`;
  const progress = (id: number) => ({ id, type: 'job.progress', data: { percent: id } });
  const completed = (id: number) => ({ id, type: 'job.completed', data: {} });

  it('resumes after a dropped connection, missing nothing and repeating nothing', async () => {
    server.on(route, ({ headers }, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const after = Number(headers['last-event-id'] ?? 0);
      const all = [progress(1), progress(2), progress(3), completed(4)];
      // The second connection repeats an event that the client knows already.
      if (after === 0) response.write(formatEvents(all.slice(0, 2)), () => response.destroy());
      else response.end(formatEvents(all.slice(after - 1)));
    });
    const seen = await collect(createClient({ url: server.url }).jobs.events(job.id));
    expect(seen.map(({ id, type }) => `${id} ${type}`)).toEqual([
      '1 job.progress',
      '2 job.progress',
      '3 job.progress',
      '4 job.completed',
    ]);
    expect(seen[0]?.data).toEqual({ percent: 1 });
    expect(server.seen.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2']);
  });

  it('bridges a restart of the server, also while it answers 503', async () => {
    let calls = 0;
    server.on(route, (_request, response) => {
      calls += 1;
      if (calls === 2) return answerJson(response, { status: 503, code: 'STOPPING', detail: 'stopping' }, 503);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(formatEvents([calls === 1 ? progress(1) : completed(2)]));
    });
    expect(await collect(createClient({ url: server.url }).jobs.events(job.id))).toHaveLength(2);
  });

  it('reads an event that arrives in pieces, between heartbeats', async () => {
    server.on(route, async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const bytes = Buffer.from(`: heartbeat\n\n${formatEvents([{ ...progress(1), data: { message: 'größer' } }])}`);
      const cut = bytes.indexOf(0xc3) + 1; // inside of a character
      await new Promise((written) => response.write(bytes.subarray(0, cut), written));
      response.end(Buffer.concat([bytes.subarray(cut), Buffer.from(formatEvents([completed(2)]))]));
    });
    const [first] = await collect(createClient({ url: server.url }).jobs.events(job.id));
    expect(first?.data).toEqual({ message: 'größer' });
  });

  it('ends when the job has ended and the server has nothing to tell', async () => {
    server.onJson(`GET ${job.links.self}`, { ...job, status: 'completed' });
    server.on(route, (_request, response) => void response.writeHead(200).end());
    expect(await collect(createClient({ url: server.url }).jobs.events(job.id, { lastEventId: 9 }))).toEqual([]);
  });

  it('ends quietly at the signal, and closes its connection', async () => {
    const stopping = new AbortController();
    const closed = Promise.withResolvers<void>();
    server.on(route, (_request, response) => {
      response.on('close', closed.resolve);
      response.writeHead(200).write(formatEvents([progress(1)]));
    });
    for await (const _ of createClient({ url: server.url }).jobs.events(job.id, stopping)) stopping.abort();
    await closed.promise;
  });

  it('throws what the server says about an unknown job', async () => {
    const events = createClient({ url: server.url }).jobs.events('unknown');
    await expect(events.next()).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
  });

  it('bridges a restart before the stream has begun, when the server answered another request before', async () => {
    const { jobs } = createClient({ url: server.url });
    server.onJson(`GET ${job.links.self}`, job);
    await jobs.get(job.id);
    server.on(route, (_request, response) => {
      if (server.seen.length === 2) return void response.destroy();
      response.writeHead(200).end(formatEvents([completed(1)]));
    });
    expect(await collect(jobs.events(job.id))).toHaveLength(1);
  });

  it('throws at once when there never was a server', async () => {
    const events = createClient({ url: await findDeadUrl() }).jobs.events(job.id);
    await expect(events.next()).rejects.toBeInstanceOf(ServerUnreachableError);
  });

  it('gives up when the server stays away', async () => {
    server.on(route, (_request, response) => {
      if (server.seen.length > 1) return void response.destroy();
      response.writeHead(200).end(formatEvents([progress(1)]));
    });
    const events = createClient({ url: server.url }).jobs.events(job.id, { giveUpAfterMs: 1 });
    await expect(collect(events)).rejects.toBeInstanceOf(ServerUnreachableError);
  });
});

const findDeadUrl = async () => `http://127.0.0.1:${await findFreePort()}`;
