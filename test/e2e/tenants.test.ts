import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreatedKeyResource, KeyScope } from '../../src/contract/api-keys.ts';
import type { BulkAnswer } from '../../src/contract/bulk.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { TenantChange, TenantResource } from '../../src/contract/tenants.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { type Answer, type Call, Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const ADMIN_KEY = 'a-key-of-the-tests-0123456789';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const admin = bearer(ADMIN_KEY);
const job = { type: 'test:echo', input: 1, options: { delayMs: 3_600_000 } };
const refusal = { status: 429, body: { code: 'TENANT_LIMIT_REACHED' } };

describe.each<TransportName>(['postgres', 'bullmq'])('tenants on the %s transport', (transport) => {
  let installation: Installation;
  let program: Program;
  let other: Program;
  let names = 0;

  beforeAll(async () => {
    installation = await Installation.create({ transport, settings: { ADMIN_KEY, MODE: 'api' } });
    program = await installation.start();
    other = await installation.start();
  });
  afterAll(() => installation?.remove());

  /** A tenant of its own with these limits, and what calls with a key of it. */
  async function createTenant(change: TenantChange = {}) {
    names += 1;
    const name = `tenant-${names}`;
    const scopes: KeyScope[] = ['jobs:read', 'jobs:write'];
    const json = { name, tenant: name, scopes };
    const { body } = await program.call<CreatedKeyResource>('/v1/api-keys', { json, headers: admin });
    const headers = bearer(body.key ?? '');
    const set = (more: TenantChange) =>
      program.call<TenantResource>(`/v1/tenants/${name}`, { method: 'PATCH', json: more, headers: admin });
    const get = async () => (await program.call<TenantResource>(`/v1/tenants/${name}`, { headers: admin })).body;
    if (Object.keys(change).length > 0) await set(change);
    const call = <Body = Problem>(path: string, more: Call = {}, of = program): Promise<Answer<Body>> =>
      of.call<Body>(path, { ...more, headers: { ...headers, ...more.headers } });
    const enqueue = (more: Call = {}, of = program) => call<JobResource>('/v1/jobs', { json: job, ...more }, of);
    return { name, set, get, call, enqueue };
  }

  it('are changed field by field, listed by name, and forgotten', async () => {
    const { name, set, get } = await createTenant();
    expect(await get()).toMatchObject({ name, weight: 1, maxQueued: null, usage: { running: 0 }, createdAt: null });
    expect(await set({ weight: 3, maxQueued: 10, maxPerDay: 20 })).toMatchObject({ status: 200, body: { weight: 3 } });
    expect((await set({ maxQueued: null, maxRunning: 0 })).body).toMatchObject({
      weight: 3,
      maxQueued: null,
      maxRunning: 0,
      maxPerDay: 20,
      requestsPerSecond: null,
      usage: { running: 0, queued: 0, today: 0 },
    });
    const { body } = await program.call<Page<TenantResource>>('/v1/tenants?limit=200', { headers: admin });
    expect(body.items.find((tenant) => tenant.name === name)).toEqual(await get());
    const remove = () => program.call(`/v1/tenants/${name}`, { method: 'DELETE', headers: admin });
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
    expect(await get()).toMatchObject({ weight: 1, maxPerDay: null, updatedAt: null });
  });

  it.each([
    ['weight', 0],
    ['weight', 1001],
    ['weight', null],
    ['requestsPerSecond', 0],
    ['maxQueued', -1],
    ['maxPerDay', 1.5],
    ['maxPerDay', 3e9],
    ['color', 'red'],
  ])('refuse a limit %s of %j', async (field, value) => {
    const answer = await program.call('/v1/tenants/acme', {
      method: 'PATCH',
      json: { [field]: value },
      headers: admin,
    });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: field }] } });
  });

  it('refuse names that no job could have', async () => {
    const call = { method: 'PATCH', json: {}, headers: admin };
    expect((await program.call('/v1/tenants/a%20b', call)).status).toBe(422);
    expect((await program.call('/v1/tenants/a%20b', { headers: admin })).status).toBe(404);
  });

  it('stay within their requests per second in all processes together, and are told of it with every answer', async () => {
    const { call } = await createTenant({ requestsPerSecond: 5 });
    const knowsLimit = async () => (await call('/v1/jobs', {}, other)).headers.has('ratelimit') || undefined;
    await waitFor(knowsLimit, { describe: 'the other process knows the limit' });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => call('/v1/types', {}, index % 2 === 0 ? program : other)),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers } of answers) {
      expect(headers.get('ratelimit-policy')).toBe('"tenant";q=5;w=1');
      expect(headers.get('ratelimit')).toMatch(/^"tenant";r=[0-5];t=[01]$/);
    }
    for (const { headers, body } of refused) {
      expect(headers.get('retry-after')).toBe('1');
      expect(headers.get('content-type')).toMatch(/^application\/problem\+json\b/);
      expect(body).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    }
    await waitFor(async () => (await call('/v1/types')).status === 200 || undefined, { describe: 'the next second' });
  });

  it('without a limit are told nothing and refused nothing', async () => {
    const { call } = await createTenant({ maxQueued: 1000 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => call('/v1/types')));
    for (const { status, headers } of answers) {
      expect(status).toBe(200);
      expect(headers.has('ratelimit')).toBe(false);
    }
  });

  it('have at most maxQueued jobs that wait', async () => {
    const { call, enqueue, set, get } = await createTenant({ maxQueued: 3 });
    const first = await enqueue();
    const accepted = await Promise.all(Array.from({ length: 9 }, () => enqueue()));
    expect(accepted.filter(({ status }) => status === 202)).toHaveLength(2);
    const refused = accepted.find(({ status }) => status !== 202);
    expect(refused).toMatchObject(refusal);
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect(JSON.stringify(refused?.body)).toContain('maxQueued');
    expect((await get()).usage.queued).toBe(3);

    const cancelled = await call<JobResource>(first.body ? `/v1/jobs/${first.body.id}/cancel` : '', { method: 'POST' });
    expect(cancelled.status).toBe(202);
    const isLetIn = async () => (await enqueue()).status === 202 || undefined;
    await waitFor(isLetIn, { describe: 'a place that is free again is given away' });
    const retry = await call(`/v1/jobs/${first.body.id}/retry`, { json: {} });
    expect(retry).toMatchObject(refusal);
    await set({ maxQueued: 4 });
    expect((await call(`/v1/jobs/${first.body.id}/retry`, { json: {} })).status).toBe(202);
  });

  it('have exactly maxPerDay jobs a day, whoever asks and however often', async () => {
    const { call, enqueue, get } = await createTenant({ maxPerDay: 5 });
    const knowsLimit = { describe: 'the other process knows the limit' };
    const key = { headers: { 'idempotency-key': 'one' } };
    const first = await enqueue(key);
    expect((await enqueue(key)).body.id).toBe(first.body.id);
    const isCounted = async () => (await get()).usage.today === 1 || undefined;
    await waitFor(isCounted, knowsLimit);
    const jobs = Array.from({ length: 6 }, () => job);
    const [bulk, ...singles] = await Promise.all([
      call<BulkAnswer>('/v1/jobs/bulk', { json: { jobs } }),
      ...Array.from({ length: 6 }, () => enqueue()),
    ]);
    const ofSingles = singles.filter(({ status }) => status === 202).length;
    expect(bulk.body.accepted + ofSingles).toBe(4);
    expect(bulk.body.rejected.map(({ index }) => index)).toEqual(
      jobs.map((_, index) => index).slice(bulk.body.accepted),
    );
    for (const { errors } of bulk.body.rejected) expect(errors[0]?.message).toContain('maxPerDay');
    expect((await get()).usage.today).toBe(5);

    const refused = await enqueue();
    expect(refused).toMatchObject(refusal);
    const leftSeconds = Number(refused.headers.get('retry-after'));
    expect(leftSeconds).toBeGreaterThan(0);
    expect(leftSeconds).toBeLessThanOrEqual(86_400);
    expect((await enqueue(key)).status).toBe(202);
    const { status } = await call(`/v1/jobs/${first.body.id}/cancel`, { method: 'POST' });
    expect(status).toBe(202);
    expect((await call(`/v1/jobs/${first.body.id}/retry`, { json: {} })).status).toBe(202);
    expect((await get()).usage.today).toBe(5);
  });

  it('are limited at once in another process', async () => {
    const { enqueue, set } = await createTenant();
    expect((await enqueue({}, other)).status).toBe(202);
    await set({ maxPerDay: 0 });
    const isRefused = async () => (await enqueue({}, other)).status === 429 || undefined;
    await waitFor(isRefused, { describe: 'the other process refuses' });
    await set({ maxPerDay: null });
    const isLetIn = async () => (await enqueue({}, other)).status === 202 || undefined;
    await waitFor(isLetIn, { describe: 'the other process lets in' });
  });
});
