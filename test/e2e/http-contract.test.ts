import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreatedKeyResource } from '../../src/contract/api-keys.ts';
import type { BulkAnswer } from '../../src/contract/bulk.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import { ContractWorld, ISO_UTC, NOBODY } from '../support/contract-world.ts';
import type { Program } from '../support/program.ts';
import type { WebhookReceiver } from '../support/webhook-receiver.ts';

// What any client may rely on, row by row, written from the contract of version 1 and not from the code: the conventions,
// and jobs. What else there is has a file of its own.

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let world: ContractWorld;
let program: Program;
let receiver: WebhookReceiver;
let { call, post, run, later, idsOf } = {} as ContractWorld;

beforeAll(async () => {
  world = await ContractWorld.start();
  ({ program, receiver, call, post, run, later, idsOf } = world);
});
afterAll(() => world?.stop());

describe('the conventions', () => {
  it('want a key as a bearer: 401 without', async () => {
    const { status, headers, body } = await program.call<Problem>('/v1/jobs');
    expect({ status, type: headers.get('content-type') }).toMatchObject({ status: 401, type: /problem\+json/ });
    expect(body).toMatchObject({
      type: expect.any(String),
      title: expect.any(String),
      status: 401,
      code: expect.any(String),
    });
  });

  it('answer faults with problem+json and its status: 400, 404, 409, 413, 415, 422', async () => {
    const { id } = await run('test:echo', 1);
    const json = { 'content-type': 'application/json' };
    const answers = {
      400: await call<Problem>('/v1/jobs', { text: 'not JSON', headers: json }),
      404: await call<Problem>(`/v1/jobs/${NOBODY}`),
      409: await post<Problem>(`/v1/jobs/${id}/cancel`),
      413: await post<Problem>('/v1/jobs', { type: 'test:echo', input: 'x'.repeat(2_000_000) }),
      415: await call<Problem>('/v1/jobs', { text: 'a=b', headers: { 'content-type': 'text/plain' } }),
      422: await post<Problem>('/v1/jobs', { type: 'test:echo', input: 1, options: { priority: 101, attempts: 0 } }),
    };
    for (const [status, answer] of Object.entries(answers)) {
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(answer).toMatchObject({
        status: Number(status),
        body: { status: Number(status), detail: expect.any(String) },
      });
    }
    expect(answers[422].body.errors?.map(({ path }) => path).sort()).toEqual(['options.attempts', 'options.priority']);
    const unknown = await post<Problem>('/v1/jobs', { type: 'no:such', input: 1 });
    expect(unknown).toMatchObject({ status: 422, body: { code: 'UNKNOWN_TYPE' } });
  });

  it('page lists by limit, 1 to 200, and cursor', async () => {
    const jobs = [await later({ tags: ['paged'] }), await later({ tags: ['paged'] }), await later({ tags: ['paged'] })];
    const first = (await call<Page<JobResource>>('/v1/jobs?tag=paged&limit=2')).body;
    expect(first).toEqual({ items: expect.any(Array), nextCursor: expect.any(String) });
    const second = (await call<Page<JobResource>>(`/v1/jobs?tag=paged&limit=2&cursor=${first.nextCursor}`)).body;
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(jobs.map(({ id }) => id).reverse());
    expect(second.nextCursor).toBeNull();
    for (const limit of ['0', '201', 'x']) expect((await call(`/v1/jobs?limit=${limit}`)).status).toBe(422);
    expect((await call('/v1/jobs?cursor=nonsense')).status).toBe(422);
  });

  it('answer the same Idempotency-Key and body with the first response again, another body with 422', async () => {
    const send = (input: number) =>
      post<JobResource>('/v1/jobs', { type: 'test:echo', input }, { 'idempotency-key': 'contract-1' });
    const first = await send(1);
    const again = await send(1);
    expect({ status: again.status, body: again.body }).toEqual({ status: first.status, body: first.body });
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect((await send(2)).status).toBe(422);
  });

  it('answer 401 to a key that is not known, and 403 to one without the scope', async () => {
    const { body } = await post<CreatedKeyResource>('/v1/api-keys', { name: 'reader', scopes: ['jobs:read'] });
    const as = (key: string) => ({ authorization: `Bearer ${key}` });
    expect(await post('/v1/jobs', { type: 'test:echo', input: 1 }, as(`${body.key}x`))).toMatchObject({ status: 401 });
    const refused = await post<Problem>('/v1/jobs', { type: 'test:echo', input: 1 }, as(body.key ?? ''));
    expect(refused).toMatchObject({ status: 403, body: { status: 403, code: 'FORBIDDEN' } });
    expect((await call('/v1/jobs', { headers: as(body.key ?? '') })).status).toBe(200);
  });

  it('answer 429 with Retry-After to a tenant that calls more often than it may', async () => {
    const request = { name: 'hasty', tenant: 'hasty', scopes: ['jobs:read'] };
    const { key } = (await post<CreatedKeyResource>('/v1/api-keys', request)).body;
    await world.patch('/v1/tenants/hasty', { requestsPerSecond: 1 });
    const headers = { authorization: `Bearer ${key}` };
    const answers = await Promise.all(Array.from({ length: 40 }, () => call<Problem>('/v1/jobs', { headers })));
    const [refused] = answers.filter(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused?.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });
});

describe('jobs', () => {
  it('POST /v1/jobs: 202, its Location, and the job; only type and input are needed', async () => {
    const { status, headers, body } = await post<JobResource>('/v1/jobs', { type: 'test:echo', input: { a: 1 } });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/v1/jobs/${body.id}`);
    expect(body).toMatchObject({
      ...{ id: expect.stringMatching(UUID_V7), type: 'test:echo', queue: 'test', tenant: 'default', reason: null },
      ...{
        priority: 0,
        tags: [],
        metadata: {},
        input: { a: 1 },
        output: null,
        error: null,
        attempt: 0,
        maxAttempts: 3,
      },
      ...{ progress: { percent: 0, message: null, etaMs: null }, createdAt: expect.stringMatching(ISO_UTC) },
      ...{ runAt: expect.stringMatching(ISO_UTC), parentId: null, scheduleId: null, worker: null },
      links: {
        self: `/v1/jobs/${body.id}`,
        events: `/v1/jobs/${body.id}/events`,
        cancel: `/v1/jobs/${body.id}/cancel`,
      },
    });
  });

  it('POST /v1/jobs takes every option', async () => {
    const options = {
      ...{ queue: 'test', priority: -100, delayMs: 600_000, attempts: 5, timeoutMs: 60_000, ttlMs: 3_600_000 },
      ...{ backoff: { type: 'exponential', delayMs: 1000 }, deduplicationKey: 'once', tags: ['a'], metadata: { b: 1 } },
      ...{ tenant: 'acme', webhook: { url: `${receiver.url}/none`, events: ['job.completed', 'job.failed'] } },
    };
    const { status, body } = await post<JobResource>('/v1/jobs', { type: 'test:echo', input: 1, options });
    expect(status).toBe(202);
    expect(body).toMatchObject({ status: 'scheduled', priority: -100, maxAttempts: 5, tenant: 'acme', tags: ['a'] });
    const runAt = '2099-01-31T08:00:00.000Z';
    const due = await post<JobResource>('/v1/jobs', { type: 'test:echo', input: 1, options: { runAt } });
    expect(due).toMatchObject({ status: 202, body: { runAt, status: 'scheduled' } });
  });

  it('POST /v1/jobs with Prefer: wait=N answers 200 with the ended job, or 202 after N', async () => {
    const ended = await post('/v1/jobs', { type: 'test:echo', input: 7 }, { prefer: 'wait=30' });
    expect(ended).toMatchObject({ status: 200, body: { status: 'completed', output: 7, attempt: 1 } });
    expect(ended.headers.get('preference-applied')).toBe('wait=30');
    const held = await post(
      '/v1/jobs',
      { type: 'test:echo', input: 7, options: { delayMs: 600_000 } },
      { prefer: 'wait=1' },
    );
    expect(held).toMatchObject({ status: 202, body: { status: 'scheduled' } });
    expect(held.headers.get('preference-applied')).toBe('wait=1');
  });

  it('shows the last failure as {name, message, attempt} with a reason', async () => {
    expect(await run('test:flaky', { times: 9 }, { attempts: 1 })).toMatchObject({
      ...{ status: 'failed', reason: 'attempts_exhausted', output: null, finishedAt: expect.stringMatching(ISO_UTC) },
      error: { name: expect.any(String), message: expect.any(String), attempt: 1 },
    });
  });

  it('GET /v1/jobs/{id}: 200; 304 to its ETag; Retry-After until it has ended; ?wait=N and Prefer hold', async () => {
    const open = await later();
    const path = `/v1/jobs/${open.id}`;
    const read = await call(path);
    const waitingFor = { reason: 'delay', position: null, etaMs: expect.any(Number) };
    expect(read).toMatchObject({ status: 200, body: { id: open.id, waitingFor } });
    expect(Number(read.headers.get('retry-after'))).toBeGreaterThan(0);
    const etag = read.headers.get('etag') ?? '';
    expect((await call(path, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const held = await call(path, { headers: { prefer: 'wait=1' } });
    expect(held.headers.get('preference-applied')).toBe('wait=1');
    const ended = await run('test:echo', 1);
    const last = await call(`/v1/jobs/${ended.id}?wait=30`);
    expect(last).toMatchObject({ status: 200, body: { status: 'completed' } });
    expect(last.headers.get('retry-after')).toBeNull();
    expect((await call(path, { headers: { 'if-none-match': last.headers.get('etag') ?? '' } })).status).toBe(200);
  });

  it('GET /v1/jobs/{id}/events: SSE with growing ids, resumed by Last-Event-ID, closed after the end', async () => {
    const { id } = await run('test:echo', 1);
    const stream = await call<string>(`/v1/jobs/${id}/events`);
    expect(stream.status).toBe(200);
    expect(stream.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const field = (text: string, name: string) =>
      [...text.matchAll(new RegExp(`^${name}: (.+)$`, 'gm'))].map(([, value]) => value ?? '');
    expect(field(stream.body, 'event')).toEqual(['job.queued', 'job.started', 'job.completed']);
    const ids = field(stream.body, 'id').map(Number);
    expect(ids).toEqual([...ids].sort((one, other) => one - other));
    for (const data of field(stream.body, 'data')) expect(JSON.parse(data)).toBeTypeOf('object');
    const rest = await call<string>(`/v1/jobs/${id}/events`, { headers: { 'last-event-id': String(ids[1]) } });
    expect(field(rest.body, 'event')).toEqual(['job.completed']);
  });

  it.each(['attempts', 'logs', 'steps', 'webhooks'])('GET /v1/jobs/{id}/%s: a list', async (part) => {
    const { id } = await run('test:echo', 1);
    expect(await call(`/v1/jobs/${id}/${part}`)).toMatchObject({
      status: 200,
      body: { items: expect.any(Array), nextCursor: null },
    });
    expect((await call(`/v1/jobs/${NOBODY}/${part}`)).status).toBe(404);
  });

  it('POST /v1/jobs/{id}/cancel: 202; 409 once it has ended', async () => {
    const { id } = await later();
    expect(await post(`/v1/jobs/${id}/cancel`)).toMatchObject({ status: 202, body: { id, status: 'cancelled' } });
    expect((await post(`/v1/jobs/${id}/cancel`)).status).toBe(409);
  });

  it('POST /v1/jobs/{id}/retry: 202 under the same id, with another input if one is given; 409 for what completed', async () => {
    const failed = await run('test:flaky', { times: 9 }, { attempts: 1 });
    const again = await post(`/v1/jobs/${failed.id}/retry`, { input: { times: 0 } });
    expect(again).toMatchObject({ status: 202, body: { id: failed.id, input: { times: 0 } } });
    expect((await call(`/v1/jobs/${failed.id}?wait=30`)).body).toMatchObject({ status: 'completed' });
    expect((await post(`/v1/jobs/${failed.id}/retry`)).status).toBe(409);
    const { id } = await later();
    await post(`/v1/jobs/${id}/cancel`);
    expect(await post(`/v1/jobs/${id}/retry`)).toMatchObject({ status: 202, body: { id } });
  });

  it('GET /v1/jobs lists by every filter, newest first', async () => {
    const before = new Date(Date.now() - 60_000).toISOString();
    const { id } = await run(
      'test:echo',
      { customer: { id: 17 }, text: 'needle-in-hay' },
      { tags: ['found'], tenant: 'acme' },
    );
    const filters = [
      'status=completed&tag=found',
      'type=test:echo&tag=found',
      'queue=test&tag=found',
      'tenant=acme&tag=found',
      'q=needle-in-hay',
      'input.customer.id=17',
      `createdAfter=${before}&tag=found`,
    ];
    for (const filter of filters) expect(await idsOf(`/v1/jobs?${filter}`), filter).toEqual([id]);
    for (const filter of [`createdBefore=${before}&tag=found`, `parentId=${NOBODY}`, 'status=expired&tag=found']) {
      expect(await idsOf(`/v1/jobs?${filter}`), filter).toEqual([]);
    }
    expect((await call('/v1/jobs?nonsense=1')).status).toBe(422);
  });

  it('POST /v1/jobs/bulk: 200 with what was accepted, and why the others were not, by their index', async () => {
    const jobs = [
      { type: 'test:echo', input: 1 },
      { type: 'no:such', input: 1 },
      { type: 'test:echo', input: 2 },
    ];
    const { status, body } = await post<{ ids: string[] }>('/v1/jobs/bulk', { jobs });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      accepted: 2,
      rejected: [{ index: 1, errors: [{ path: 'type' }] }],
      ids: [expect.any(String), expect.any(String)],
    });
    for (const id of body.ids) expect((await call(`/v1/jobs/${id}`)).status).toBe(200);
    expect((await post('/v1/jobs/bulk', { jobs: [] })).status).toBe(422);
    expect((await post('/v1/jobs/bulk', { jobs: Array(1001).fill(jobs[0]) })).status).toBe(422);
  });

  it('POST /v1/jobs/bulk takes application/x-ndjson of any length, and rejects a broken line by its index alone', async () => {
    const lines = Array.from({ length: 1500 }, (_, input) => JSON.stringify({ type: 'test:echo', input }));
    const text = lines.with(700, '{"type": "test:ec').join('\n');
    const headers = { 'content-type': 'application/x-ndjson' };
    const { status, body } = await call<BulkAnswer>('/v1/jobs/bulk', { method: 'POST', text, headers });
    expect({ status, ...body }).toMatchObject({ status: 200, accepted: 1499, rejected: [{ index: 700 }] });
    expect(new Set(body.ids).size).toBe(1499);
    for (const [at, input] of [
      [699, 699],
      [700, 701],
    ] as const) {
      expect((await call(`/v1/jobs/${body.ids[at]}`)).body).toMatchObject({ input });
    }
  });

  it.each(['retry', 'cancel', 'delete'])(
    'POST /v1/bulk-actions %s: {matched} for a dry run, 202 with progress',
    async (action) => {
      const tag = `bulk-${action}`;
      const { id } = await later({ tags: [tag] });
      if (action !== 'cancel') await post(`/v1/jobs/${id}/cancel`);
      const filter = { tag, type: 'test:echo', queue: 'test', tenant: 'default', createdAfter: '2020-01-01T00:00:00Z' };
      expect(await post('/v1/bulk-actions', { action, filter, dryRun: true })).toMatchObject({
        status: 200,
        body: { matched: 1 },
      });
      const started = await post<{ id: string }>('/v1/bulk-actions', { action, filter });
      expect(started).toMatchObject({ status: 202, body: { action, matched: 1, status: 'running', processed: 0 } });
      expect(started.headers.get('location')).toBe(`/v1/bulk-actions/${started.body.id}`);
      expect((await post('/v1/bulk-actions', { action, filter: { nonsense: 1 } })).status).toBe(422);
    },
  );
});
