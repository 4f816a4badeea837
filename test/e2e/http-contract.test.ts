import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import { verifyWebhook } from '../../src/index.ts';
import { type Answer, type Call, Installation, type Program } from '../support/program.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

// What any client may rely on, row by row, written from the contract of version 1 and not from the code.

const KEY = 'a-key-of-the-tests-0123456789';
const SECRET = `whsec_${Buffer.alloc(24, 'secret').toString('base64')}`;
const NOBODY = '01980000-0000-7000-8000-000000000001';
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ISO_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let installation: Installation;
let program: Program;
let receiver: WebhookReceiver;

beforeAll(async () => {
  receiver = await startWebhookReceiver();
  installation = await Installation.create({ settings: { ADMIN_KEY: KEY, WEBHOOK_SECRET: SECRET } });
  program = await installation.start();
});
afterAll(async () => {
  await installation?.remove();
  await receiver?.stop();
});

function call<Body = unknown>(path: string, more: Call = {}): Promise<Answer<Body>> {
  return program.call(path, { ...more, headers: { authorization: `Bearer ${KEY}`, ...more.headers } });
}
const post = <Body = unknown>(path: string, json?: unknown, headers: Record<string, string> = {}) =>
  call<Body>(path, { method: 'POST', headers, ...(json === undefined ? {} : { json }) });
/** Enqueues a job and holds until it has ended. */
const run = async (type: string, input: unknown, options: object = {}): Promise<JobResource> =>
  mustEnd(await post<JobResource>('/v1/jobs', { type, input, options }, { prefer: 'wait=30' }));
function mustEnd({ status, body }: Answer<JobResource>): JobResource {
  if (status !== 200) throw new Error(`the job has not ended: ${JSON.stringify(body)}`);
  return body;
}
const later = async (options: object = {}): Promise<JobResource> =>
  (await post<JobResource>('/v1/jobs', { type: 'test:echo', input: 1, options: { delayMs: 600_000, ...options } }))
    .body;
const idsOf = async (path: string) => (await call<Page<{ id: string }>>(path)).body.items.map(({ id }) => id);

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

  it.todo(
    'answer 429 with Retry-After to a tenant that calls more often than it may, and 403 to a key without the scope',
  );
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
    expect(read).toMatchObject({ status: 200, body: { id: open.id } });
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

  it.todo('POST /v1/jobs/bulk takes application/x-ndjson of any length, and rejects a broken line by its index alone');

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

describe('the rest', () => {
  it('types: each with its JSON Schema, defaults and description', async () => {
    const { body } = await call<Page<{ type: string }>>('/v1/types');
    expect(body.items.find(({ type }) => type === 'http:request')).toMatchObject({
      inputSchema: { type: 'object' },
      defaults: { attempts: expect.any(Number), timeoutMs: expect.any(Number) },
      description: expect.any(String),
    });
  });

  it('queues: counts, oldest wait, throughput, workers; pause and resume', async () => {
    expect(await idsOrNames('/v1/queues')).toContain('test');
    const queue = { name: 'http', counts: { queued: 0 }, oldestWaitMs: null, throughputPerMinute: 0, workers: 1 };
    expect(await call('/v1/queues/http')).toMatchObject({ status: 200, body: { ...queue, isPaused: false } });
    expect(await post('/v1/queues/http/pause')).toMatchObject({ status: 200, body: { isPaused: true } });
    expect(await post('/v1/queues/http/resume')).toMatchObject({ status: 200, body: { isPaused: false } });
    expect((await call('/v1/queues/nothing')).status).toBe(404);
  });

  it('dead letters: failed jobs, their groups, retry and discard', async () => {
    const { id } = await run('test:flaky', { times: 9 }, { attempts: 1, tags: ['dead'] });
    expect(await idsOf('/v1/dead-letters?tag=dead')).toEqual([id]);
    const groups = (await call<Page<object>>('/v1/dead-letters?groupBy=error&tag=dead')).body.items;
    const seen = { firstSeen: expect.stringMatching(ISO_UTC), lastSeen: expect.stringMatching(ISO_UTC) };
    const group = {
      fingerprint: expect.any(String),
      type: 'test:flaky',
      message: expect.any(String),
      count: 1,
      ...seen,
    };
    expect(groups).toMatchObject([group]);
    const filter = { tag: 'dead' };
    expect(await post('/v1/dead-letters/retry', { filter, dryRun: true })).toMatchObject({
      status: 200,
      body: { matched: 1 },
    });
    expect((await post('/v1/dead-letters/discard', { filter })).status).toBe(202);
  });

  it('webhooks: subscriptions, which are told of the ends of jobs; redelivery under the same webhook-id', async () => {
    const url = `${receiver.url}/all`;
    const request = { url, events: ['job.completed'], types: ['test:typed'], tenant: 'hooked' };
    const created = await post<{ id: string }>('/v1/webhooks', request);
    const path = `/v1/webhooks/${created.body.id}`;
    expect(created).toMatchObject({ status: 201, body: { ...request, description: '', disabledAt: null } });
    expect(created.headers.get('location')).toBe(path);
    expect(await idsOf('/v1/webhooks')).toContain(created.body.id);
    const { id } = await run('test:typed', { name: 'a', count: 1 }, { tenant: 'hooked' });
    const [sent] = await receiver.waitForRequests('/all', 1);
    expect(JSON.parse(sent?.body ?? '')).toMatchObject({ type: 'job.completed', data: { id, tenant: 'hooked' } });
    const [delivery] = await idsOf(`/v1/webhook-deliveries?subscriptionId=${created.body.id}&jobId=${id}`);
    expect(sent?.headers['webhook-id']).toBe(delivery);
    expect(await post(`/v1/webhook-deliveries/${delivery}/redeliver`)).toMatchObject({
      status: 202,
      body: { id: delivery },
    });
    const [, again] = await receiver.waitForRequests('/all', 2);
    expect(again?.headers['webhook-id']).toBe(delivery);
    expect((await call(path, { method: 'DELETE' })).status).toBe(204);
    expect((await call(path, { method: 'DELETE' })).status).toBe(404);
    expect((await post(`/v1/webhook-deliveries/${NOBODY}/redeliver`)).status).toBe(404);
  });

  it('workers: host, pid, queues, concurrency, running jobs, last heartbeat', async () => {
    const gate = installation.nextGate();
    const { body: job } = await post<JobResource>('/v1/jobs', { type: 'test:gate', input: { path: gate } });
    const { worker } = await jobWhere(job.id, (each) => each.status === 'processing');
    const found = await call<{ jobs: unknown[] }>(`/v1/workers/${worker}`);
    expect(found).toMatchObject({
      status: 200,
      body: {
        ...{ id: worker, host: expect.any(String), pid: program.pid, queues: expect.arrayContaining(['test']) },
        ...{ concurrency: expect.any(Number), jobs: [{ id: job.id, type: 'test:gate' }], isAlive: true },
        lastHeartbeatAt: expect.stringMatching(ISO_UTC),
      },
    });
    expect(await idsOf('/v1/workers')).toEqual([worker]);
    expect((await call('/v1/workers/nobody')).status).toBe(404);
    await post(`/v1/jobs/${job.id}/cancel`);
  });

  it.todo('schedules: GET/POST /v1/schedules, GET/PATCH/DELETE /v1/schedules/{id}, POST …/trigger');
  it.todo('keys: GET/POST/DELETE /v1/api-keys with scopes and a tenant; the secret is shown once');

  it('program: health, stats, the document and its page; each without a key where a probe or a reader needs none', async () => {
    const health = {
      status: 'ok',
      mode: 'all',
      uptime: expect.any(Number),
      version: expect.any(String),
      connections: {},
    };
    expect(await program.call('/health')).toMatchObject({ status: 200, body: health });
    for (const path of ['/health/live', '/health/ready', '/docs']) expect((await program.call(path)).status).toBe(200);
    expect(await call('/v1/stats')).toMatchObject({ status: 200, body: { counts: expect.any(Object), workers: 1 } });
    expect(await program.call('/v1/openapi.json')).toMatchObject({ status: 200, body: { openapi: '3.1.0' } });
    expect((await call('/ui/queues')).status).toBe(404); // there is no Redis here
  });
});

describe('a webhook', () => {
  it('is signed as Standard Webhooks says, below 20 kB, and sent again under its id until 2xx', async () => {
    receiver.answerWith('/job', 500);
    const webhook = { url: `${receiver.url}/job` };
    const { id } = await run('test:echo', 'x'.repeat(30_000), { webhook, metadata: { order: 7 } });
    const [first, second] = await receiver.waitForRequests('/job', 2);
    expect(first?.headers['webhook-signature']).toMatch(/^v1,/);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(Buffer.byteLength(first?.body ?? '')).toBeLessThan(20_000);
    expect(verifyWebhook(SECRET, second?.headers as Record<string, string>, second?.body ?? '')).toMatchObject({
      type: 'job.completed',
      timestamp: expect.stringMatching(ISO_UTC),
      data: { id, type: 'test:echo', status: 'completed', reason: null, metadata: { order: 7 }, outputOmitted: true },
    });
  });

  it('to a private address is refused where private addresses are not allowed', async () => {
    const webhook = { url: 'http://169.254.169.254/latest' };
    const { status, body } = await post<Problem>('/v1/jobs', { type: 'test:echo', input: 1, options: { webhook } });
    expect({ status, code: body.code }).toEqual({ status: 422, code: 'ADDRESS_REFUSED' });
  });
});

async function idsOrNames(path: string): Promise<string[]> {
  return (await call<Page<{ name: string }>>(path)).body.items.map(({ name }) => name);
}

/** Follows a job by its events until it is as wanted. */
async function jobWhere(id: string, holds: (job: JobResource) => boolean): Promise<JobResource> {
  for (;;) {
    const { body } = await call<JobResource>(`/v1/jobs/${id}`);
    if (holds(body)) return body;
    await call(`/v1/jobs/${id}?wait=1`);
  }
}
