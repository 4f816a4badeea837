import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli } from '../../test/support/fake-cli.ts';
import { answerJson, type FakeServer, startFakeServer } from '../../test/support/fake-server.ts';
import type { ApiKeyResource } from '../contract/api-keys.ts';
import type { AuditEntryResource } from '../contract/audit.ts';
import type { TenantResource } from '../contract/tenants.ts';
import { exitCodes } from './exit-codes.ts';

const ID = '01980000-0000-7000-8000-00000000000a';
const AT = '2026-01-01T00:00:00.000Z';
const key: ApiKeyResource = {
  ...{ id: ID, name: 'the shop', tenant: 'acme', scopes: ['jobs:read', 'jobs:write'], prefix: 'lsk_abcdefgh' },
  ...{ createdBy: 'ADMIN_KEY', createdAt: AT, expiresAt: null, lastUsedAt: null, revokedAt: null },
};
const tenant: TenantResource = {
  ...{ name: 'acme', weight: 2, requestsPerSecond: 50, maxRunning: null, maxQueued: 1000, maxPerDay: null },
  ...{ usage: { running: 3, queued: 12, today: null }, createdAt: AT, updatedAt: AT },
};
const entry: AuditEntryResource = {
  ...{
    id: ID,
    at: AT,
    actor: 'lsk_abcdefgh',
    action: 'job.cancel',
    target: ID,
    tenant: null,
    details: { type: 'a:b' },
  },
};
let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const open = () => createFakeCli({ environment: { LONGSHORE_URL: server.url } });
const sent = () => server.seen.filter(({ body }) => body !== '').map(({ body }) => JSON.parse(body) as unknown);
const page = (items: unknown[]) => ({ items, nextCursor: null });

describe('keys', () => {
  it('prints a new key and nothing else where a program can read it', async () => {
    const secret = `lsk_${'a'.repeat(43)}`;
    server.onJson('POST /v1/api-keys', { ...key, key: secret }, 201);
    const cli = open();
    const flags = ['--tenant', 'acme', '--scope', 'jobs:read,jobs:write', '--expires', '2030-01-31T08:00:00Z'];
    expect(await cli.run('keys', 'create', 'the shop', ...flags)).toBe(exitCodes.done);
    expect(cli.stdout()).toBe(`${secret}\n`);
    expect(cli.stderr()).toContain('this once');
    const expiresAt = '2030-01-31T08:00:00.000Z';
    expect(sent()).toEqual([{ name: 'the shop', tenant: 'acme', scopes: ['jobs:read', 'jobs:write'], expiresAt }]);
  });

  it('lists keys with their state', async () => {
    const items = [key, { ...key, revokedAt: AT }, { ...key, expiresAt: '2020-01-01T00:00:00.000Z', tenant: null }];
    server.onJson('GET /v1/api-keys', page(items));
    const cli = open();
    expect(await cli.run('keys', 'list')).toBe(exitCodes.done);
    const lines = stripVTControlCharacters(cli.stdout()).split('\n');
    expect(lines[1]).toMatch(/acme .*good/);
    expect(lines[2]).toMatch(/revoked/);
    expect(lines[3]).toMatch(/all .*expired/);
  });

  it('revokes a key', async () => {
    server.onJson(`DELETE /v1/api-keys/${ID}`, { ...key, revokedAt: AT });
    const cli = open();
    expect(await cli.run('keys', 'revoke', ID)).toBe(exitCodes.done);
    expect(cli.stdout()).toContain('lsk_abcdefgh');
  });

  it.each([
    [['create', 'x']],
    [['create', 'x', '--scope', 'root']],
    [['create', 'x', '--scope', 'admin', '--expires', 'soon']],
  ])('refuses %j before it asks the server', async (args) => {
    expect(await open().run('keys', ...args)).toBe(exitCodes.usage);
    expect(server.seen).toEqual([]);
  });
});

describe('tenants', () => {
  it('sends what is named, and null where a limit is taken away', async () => {
    server.on('PATCH /v1/tenants/acme', (_request, response) => answerJson(response, tenant));
    const cli = open();
    const code = await cli.run(
      'tenants',
      'set',
      'acme',
      '--weight',
      '2',
      '--max-queued',
      '1000',
      '--max-per-day',
      'none',
    );
    expect(code).toBe(exitCodes.done);
    expect(sent()).toEqual([{ weight: 2, maxQueued: 1000, maxPerDay: null }]);
    expect(stripVTControlCharacters(cli.stdout())).toMatch(/acme +2 +3 \/ – +12 \/ 1000 +\/ – +50/);
  });

  it('lists tenants, and gives all of it as JSON', async () => {
    server.onJson('GET /v1/tenants', page([tenant]));
    const cli = open();
    expect(await cli.run('tenants', 'list', '--json')).toBe(exitCodes.done);
    expect(JSON.parse(cli.stdout())).toEqual(page([tenant]));
  });

  it('wants to know what to change', async () => {
    const cli = open();
    expect(await cli.run('tenants', 'set', 'acme')).toBe(exitCodes.usage);
    expect(cli.stderr()).toContain('say what to change');
    expect(server.seen).toEqual([]);
  });

  it('refuses a limit that is none', async () => {
    expect(await open().run('tenants', 'set', 'acme', '--max-queued', 'many')).toBe(exitCodes.usage);
    expect(server.seen).toEqual([]);
  });
});

describe('audit', () => {
  it('asks for what the flags name, and shows who did what', async () => {
    server.onJson('GET /v1/audit', page([entry]));
    const cli = open();
    const flags = ['--actor', 'lsk_abcdefgh', '--action', 'job.cancel', '--since', '2026-01-01T00:00:00Z'];
    expect(await cli.run('audit', ...flags)).toBe(exitCodes.done);
    expect(stripVTControlCharacters(cli.stdout())).toMatch(/lsk_abcdefgh +job\.cancel/);
    expect(server.seen[0]?.path ?? '').toContain('action=job.cancel');
  });

  it('says how to go on where there are more', async () => {
    server.onJson('GET /v1/audit', { items: [entry], nextCursor: ID });
    const cli = open();
    expect(await cli.run('audit', '--limit', '1', '--cursor', ID)).toBe(exitCodes.done);
    expect(server.seen[0]?.path).toBe(`/v1/audit?limit=1&cursor=${ID}`);
    expect(cli.stderr()).toContain(`1 action; more with the same flags and --cursor ${ID}`);
  });
});
