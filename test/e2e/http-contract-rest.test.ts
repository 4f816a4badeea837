import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiKeyResource, CreatedKeyResource } from '../../src/contract/api-keys.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { ScheduleResource } from '../../src/contract/schedules.ts';
import { verifyWebhook } from '../../src/index.ts';
import { ContractWorld, ISO_UTC, NOBODY, SECRET } from '../support/contract-world.ts';
import type { Installation, Program } from '../support/program.ts';
import type { WebhookReceiver } from '../support/webhook-receiver.ts';

// What any client may rely on beside jobs, row by row, written from the contract of version 1 and not from the code.

let world: ContractWorld;
let installation: Installation;
let program: Program;
let receiver: WebhookReceiver;
let { call, post, patch, remove, run, idsOf } = {} as ContractWorld;

beforeAll(async () => {
  world = await ContractWorld.start();
  ({ installation, program, receiver, call, post, patch, remove, run, idsOf } = world);
});
afterAll(() => world?.stop());

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
    expect((await remove(path)).status).toBe(204);
    expect((await remove(path)).status).toBe(404);
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

  it('schedules: made, listed, read, changed, triggered and removed', async () => {
    const request = {
      ...{ name: 'nightly', type: 'test:echo', input: { a: 1 }, cron: '30 2 * * *', timeZone: 'Europe/Berlin' },
      ...{ catchUp: 'none', enabled: false },
    };
    const created = await post<ScheduleResource>('/v1/schedules', request);
    const path = `/v1/schedules/${created.body.id}`;
    expect(created).toMatchObject({ status: 201, body: { ...request, id: expect.any(String), nextRuns: [] } });
    expect(created.headers.get('location')).toBe(path);
    expect(await idsOf('/v1/schedules')).toContain(created.body.id);
    const changed = await patch<ScheduleResource>(path, { enabled: true, catchUp: 'all' });
    expect(changed).toMatchObject({ status: 200, body: { enabled: true, catchUp: 'all', cron: request.cron } });
    expect(changed.body.nextRuns).toHaveLength(10);
    expect((await call<ScheduleResource>(path)).body).toEqual(changed.body);
    const triggered = await post<JobResource>(`${path}/trigger`);
    expect(triggered).toMatchObject({ status: 202, body: { scheduleId: created.body.id, input: { a: 1 } } });
    expect(triggered.headers.get('location')).toBe(`/v1/jobs/${triggered.body.id}`);
    expect((await remove(path)).status).toBe(204);
    for (const gone of [call(path), patch(path, { enabled: false }), remove(path), post(`${path}/trigger`)]) {
      expect((await gone).status).toBe(404);
    }
  });

  it('keys: scopes and a tenant; the secret is shown once, and good for nothing once it is revoked', async () => {
    const request = { name: 'the shop', tenant: 'shop', scopes: ['jobs:read', 'jobs:write'] };
    const { status, headers, body } = await post<CreatedKeyResource>('/v1/api-keys', request);
    expect({ status, body }).toMatchObject({ status: 201, body: { ...request, key: expect.any(String) } });
    expect(headers.get('location')).toBe(`/v1/api-keys/${body.id}`);
    const as = { headers: { authorization: `Bearer ${body.key}` } };
    const enqueued = await program.call<JobResource>('/v1/jobs', { json: { type: 'test:echo', input: 1 }, ...as });
    expect(enqueued).toMatchObject({ status: 202, body: { tenant: 'shop' } });
    const listed = await call<Page<ApiKeyResource>>('/v1/api-keys');
    expect(listed.body.items.find(({ id }) => id === body.id)).toMatchObject({
      ...request,
      prefix: expect.any(String),
    });
    expect(JSON.stringify(listed.body)).not.toContain(body.key);
    const revoked = await remove(`/v1/api-keys/${body.id}`);
    expect(revoked).toMatchObject({ status: 200, body: { revokedAt: expect.stringMatching(ISO_UTC) } });
    expect((await program.call('/v1/jobs', as)).status).toBe(401);
    for (const scopes of [[], ['jobs:delete']])
      expect((await post('/v1/api-keys', { ...request, scopes })).status).toBe(422);
  });

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
    expect(await verifyWebhook(second?.body ?? '', second?.headers as Record<string, string>, SECRET)).toMatchObject({
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
