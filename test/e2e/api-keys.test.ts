import { connect } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiKeyResource, CreatedKeyResource, CreateKeyInput } from '../../src/contract/api-keys.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import { EventStream } from '../support/event-stream.ts';
import { type Answer, type Call, Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const ADMIN_KEY = 'a-key-of-the-tests-0123456789';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const admin = bearer(ADMIN_KEY);

describe('keys', () => {
  let installation: Installation;
  let program: Program;
  let other: Program;

  beforeAll(async () => {
    installation = await Installation.create({ settings: { ADMIN_KEY, MODE: 'api' } });
    program = await installation.start();
    other = await installation.start();
  });
  afterAll(() => installation?.remove());

  async function create(request: Partial<CreateKeyInput>, headers: Call['headers'] = admin) {
    const json = { name: 'a test', scopes: ['admin'], ...request };
    return program.call<CreatedKeyResource>('/v1/api-keys', { json, headers });
  }
  async function makeKey(request: Partial<CreateKeyInput>): Promise<CreatedKeyResource & { key: string }> {
    const { status, body } = await create(request);
    if (status !== 201 || body.key === undefined) throw new Error(`POST /v1/api-keys answered ${status}`);
    return { ...body, key: body.key };
  }
  const ask = (key: string, path: string, call: Call = {}, of = program): Promise<Answer<Problem>> =>
    of.call<Problem>(path, { ...call, headers: { ...bearer(key), ...call.headers } });

  it('makes a key that is shown once and works in every process', async () => {
    const { status, body, headers } = await create({ name: 'shop', tenant: 'acme', scopes: ['jobs:read'] });
    expect(status).toBe(201);
    expect(body).toMatchObject({ name: 'shop', tenant: 'acme', scopes: ['jobs:read'], createdBy: 'ADMIN_KEY' });
    expect(body.key).toMatch(/^lsk_[A-Za-z0-9_-]{43}$/);
    expect(body.prefix).toBe(body.key?.slice(0, 12));
    expect(headers.get('location')).toBe(`/v1/api-keys/${body.id}`);
    expect(headers.get('cache-control')).toBe('no-store');
    for (const each of [program, other]) expect((await ask(body.key ?? '', '/v1/jobs', {}, each)).status).toBe(200);

    const shown = await program.call<ApiKeyResource>(`/v1/api-keys/${body.id}`, { headers: admin });
    const list = await program.call<Page<ApiKeyResource>>('/v1/api-keys', { headers: admin });
    const text = JSON.stringify([shown.body, list.body]);
    expect(list.body.items.map(({ id }) => id)).toContain(body.id);
    expect(text).not.toContain(body.key);
    expect(text).not.toContain('hash');
  });

  it('stores neither the key nor the answer that has it, and a repeated call makes no second one', async () => {
    const headers = { ...admin, 'idempotency-key': 'make-one' };
    const first = await create({ name: 'once' }, headers);
    const second = await create({ name: 'once' }, headers);
    expect(second.status).toBe(201);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    const { key = '', ...shown } = first.body;
    expect(second.body).toEqual(shown);
    const list = await program.call<Page<ApiKeyResource>>('/v1/api-keys', { headers: admin });
    expect(list.body.items.filter(({ name }) => name === 'once')).toHaveLength(1);
    expect(await dumpText(installation)).not.toContain(key.slice(12));
  });

  it.each([
    ['jobs:read', { '/v1/jobs': 200, '/v1/audit': 403 }, 403],
    ['jobs:write', { '/v1/jobs': 403, '/v1/audit': 403 }, 202],
    ['admin', { '/v1/jobs': 200, '/v1/audit': 200 }, 202],
  ] as const)('lets a key of %s do what that scope allows', async (scope, reads, enqueued) => {
    const { key } = await makeKey({ scopes: [scope], tenant: 'scoped' });
    for (const [path, status] of Object.entries(reads)) expect((await ask(key, path)).status).toBe(status);
    const json = { type: 'test:echo', input: 1 };
    const answer = await ask(key, '/v1/jobs', { json });
    expect(answer.status).toBe(enqueued);
    if (enqueued === 403)
      expect(answer.body).toMatchObject({ code: 'FORBIDDEN', detail: expect.stringContaining(scope) });
  });

  it('hears of a revoke at once, also in another process', async () => {
    const { key, id } = await makeKey({});
    for (const each of [program, other]) expect((await ask(key, '/v1/jobs', {}, each)).status).toBe(200);
    const revoked = await program.call<ApiKeyResource>(`/v1/api-keys/${id}`, { method: 'DELETE', headers: admin });
    expect(revoked).toMatchObject({ status: 200, body: { id, revokedAt: expect.any(String) } });
    const refused = await ask(key, '/v1/jobs');
    expect(refused).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(refused.body.detail).toContain('was revoked');
    const isRefused = async () => (await ask(key, '/v1/jobs', {}, other)).status === 401;
    await waitFor(isRefused, { describe: 'the other process refuses the key' });
    const again = await program.call<ApiKeyResource>(`/v1/api-keys/${id}`, { method: 'DELETE', headers: admin });
    expect(again.body.revokedAt).toBe(revoked.body.revokedAt);
  });

  it('ends a stream of events whose key is revoked', async () => {
    const { key, id } = await makeKey({});
    const headers = bearer(key);
    const json = { type: 'test:echo', input: 1, options: { delayMs: 600_000 } };
    const job = await program.call<JobResource>('/v1/jobs', { json, headers });
    const stream = await EventStream.open(`${program.url}/v1/jobs/${job.body.id}/events`, headers);
    expect(stream.response.status).toBe(200);
    await program.call(`/v1/api-keys/${id}`, { method: 'DELETE', headers: admin });
    await stream.closed;
    expect(stream.text).not.toContain('job.completed');
  });

  it('refuses a key that has expired, and says so', async () => {
    const { key, id } = await makeKey({});
    const expire = `update longshore.api_keys set expires_at = now() - interval '1 second' where id = $1`;
    await onDatabase(installation, (client) => client.query(expire, [id]));
    const refused = await ask(key, '/v1/jobs');
    expect(refused).toMatchObject({ status: 401, body: { detail: expect.stringContaining('has expired') } });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('writes down when a key was used last', async () => {
    const { key, id, lastUsedAt } = await makeKey({});
    expect(lastUsedAt).toBeNull();
    await ask(key, '/v1/jobs');
    const used = async () =>
      (await program.call<ApiKeyResource>(`/v1/api-keys/${id}`, { headers: admin })).body.lastUsedAt ?? undefined;
    expect(Date.parse(await waitFor(used, { describe: 'the last use is recorded' }))).not.toBeNaN();
  });

  it("keeps a tenant's admin within its tenant", async () => {
    const { key } = await makeKey({ tenant: 'acme' });
    const foreign = await makeKey({ tenant: 'other' });
    const ofAll = await makeKey({});
    for (const { id } of [foreign, ofAll]) {
      expect((await ask(key, `/v1/api-keys/${id}`)).status).toBe(404);
      expect((await ask(key, `/v1/api-keys/${id}`, { method: 'DELETE' })).status).toBe(404);
    }
    expect((await ask(foreign.key, '/v1/jobs')).status).toBe(200);
    const own = await create({ name: 'own' }, bearer(key));
    expect(own).toMatchObject({ status: 201, body: { tenant: 'acme' } });
    expect(own.body.createdBy).toBe(key.slice(0, 12));
    for (const tenant of ['other', 'nobody', null]) {
      const refused = await ask(key, '/v1/api-keys', { json: { name: 'x', scopes: ['admin'], tenant } });
      expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: 'tenant' }] } });
    }
    const calls = ['/v1/queues/test/pause', '/v1/queues/no-such-queue/pause'].map((path) =>
      ask(key, path, { json: {} }),
    );
    for (const answer of await Promise.all(calls))
      expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
  });

  it.each([
    ['no scopes', { scopes: [] }, 'scopes'],
    ['an unknown scope', { scopes: ['root'] }, 'scopes.0'],
    ['the same scope twice', { scopes: ['admin', 'admin'] }, 'scopes'],
    ['no name', { name: '' }, 'name'],
    ['a tenant that no job could have', { tenant: 'a b' }, 'tenant'],
    ['an end that is no time', { expiresAt: 'tomorrow' }, 'expiresAt'],
    ['an end that has passed', { expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    ['a field that there is not', { isAdmin: true }, 'isAdmin'],
  ])('refuses a key with %s', async (_what, fault, path) => {
    const json = { name: 'a test', scopes: ['admin'], ...fault };
    const answer = await program.call<Problem>('/v1/api-keys', { json, headers: admin });
    expect(answer).toMatchObject({ status: 422, body: { code: 'INVALID_FIELDS', errors: [{ path }] } });
  });

  it('refuses a cursor that is none of its list, and ids that are none', async () => {
    for (const path of ['/v1/api-keys?cursor=x', '/v1/audit?cursor=x']) {
      expect((await ask(ADMIN_KEY, path)).status).toBe(422);
    }
    for (const id of ['x', '01980000-0000-7000-8000-000000000001']) {
      expect((await ask(ADMIN_KEY, `/v1/api-keys/${id}`)).status).toBe(404);
    }
  });

  it.each([20_000, 10_000_000])('answers headers of %i bytes with a problem', async (bytes) => {
    const { port } = new URL(program.url);
    const text = await sendRaw(Number(port), `GET /v1/jobs HTTP/1.1\r\nHost: x\r\nX-Big: ${'a'.repeat(bytes)}\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
    expect(text).toContain('application/problem+json');
    expect(text).toContain('HEADERS_TOO_LARGE');
    expect((await program.call('/health')).status).toBe(200);
  });
});

describe('without ADMIN_KEY', () => {
  it('asks for a key as soon as there is one, and goes on when it is gone', async () => {
    const installation = await Installation.create({ settings: { MODE: 'api' } });
    try {
      const program = await installation.start();
      const other = await installation.start();
      const json = { name: 'first', scopes: ['admin'] };
      const { body } = await program.call<CreatedKeyResource>('/v1/api-keys', { json });
      expect(body.createdBy).toBe('local');
      const headers = bearer(body.key ?? '');
      expect((await program.call('/v1/jobs')).status).toBe(401);
      const isClosed = async () => (await other.call('/v1/jobs')).status === 401;
      await waitFor(isClosed, { describe: 'the other process asks for a key' });
      expect((await other.call('/v1/jobs', { headers })).status).toBe(200);
      expect((await program.call(`/v1/api-keys/${body.id}`, { method: 'DELETE', headers })).status).toBe(200);
      for (const call of [{}, { headers }]) expect((await program.call('/v1/jobs', call)).status).toBe(401);
    } finally {
      await installation.remove();
    }
  });
});

/** All that is stored, as text. */
async function dumpText(installation: Installation): Promise<string> {
  const { rows } = await onDatabase(installation, (client) =>
    client.query<{ text: string }>(
      `select query_to_xml('select * from longshore.' || quote_ident(tablename), true, false, '')::text as text
       from pg_tables where schemaname = 'longshore'`,
    ),
  );
  return rows.map(({ text }) => text).join('\n');
}

async function onDatabase<T>({ settings }: Installation, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: settings.DATABASE_URL ?? '' });
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}

function sendRaw(port: number, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let received = '';
  const socket = connect(port, '127.0.0.1');
  socket.on('data', (chunk) => {
    received += chunk.toString();
  });
  socket.on('error', reject);
  socket.on('close', () => resolve(received));
  socket.write(text);
  return promise;
}
