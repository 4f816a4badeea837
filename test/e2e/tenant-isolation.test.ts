/**
 * The walk: two tenants, data of every kind, and every route of the program called with the key of one and the ids of the
 * other. A route that has no entry here fails the first test.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiKeyResource } from '../../src/contract/api-keys.ts';
import type { BulkAnswer } from '../../src/contract/bulk.ts';
import type { BulkActionResource } from '../../src/contract/bulk-actions.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { QueueResource, StatsResource } from '../../src/contract/program.ts';
import { createId } from '../../src/shared/ids.ts';
import { type Belongings, createTenant, SHARED_NAME, settle, type Tenant } from '../support/belongings.ts';
import { type Answer, type Call, Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const ADMIN_KEY = 'a-key-of-the-tests-0123456789';
/** In everything that the owner has written. */
const SECRET = 'zebracrossing';
const DAY_MS = 86_400_000;
const OWNER = 'owner-tenant';
const STRANGER = 'stranger-tenant';

/** One call of the stranger. */
interface Trial {
  path: string;
  call?: Call;
  /**
   * `missing`: 404, word for word as for an id that there is not · `empty`: a list without items, or nothing counted ·
   * `own`: 2xx, about the stranger's own or the program · otherwise the status.
   */
  expects: 'missing' | 'empty' | 'own' | 403 | 422;
}

const post = (json: unknown = {}): Call => ({ json });
const del: Call = { method: 'DELETE' };
const patch = (json: unknown): Call => ({ method: 'PATCH', json });
const missing = (path: string, call: Call = {}): Trial => ({ path, call, expects: 'missing' });
const empty = (path: string, call: Call = {}): Trial => ({ path, call, expects: 'empty' });
const own = (path: string, call: Call = {}): Trial => ({ path, call, expects: 'own' });
const refused = (expects: 403 | 422, path: string, call: Call = {}): Trial => ({ path, call, expects });

const jobIds = ({ completed, failed, scheduled, running, pipeline }: Belongings) => [
  completed,
  failed,
  scheduled,
  running,
  pipeline,
];
const ofJobs = (its: Belongings, suffix = '', call: Call = {}) =>
  jobIds(its).map((id) => missing(`/v1/jobs/${id}${suffix}`, call));
const filters = (its: Belongings) => [
  `tenant=${OWNER}`,
  `tag=${SECRET}`,
  `parentId=${its.pipeline}`,
  `q=${SECRET}`,
  `input.note=${SECRET}`,
];
const bodyFilters = (its: Belongings) => [
  { tenant: OWNER },
  { tag: SECRET },
  { ids: jobIds(its) },
  { parentId: its.pipeline },
];
const actions = ['retry', 'cancel', 'delete'];
const dryRun = (filter: object) => ({ filter, dryRun: true });

/** Every route, and how the stranger tries it. */
const routes: Record<string, (its: Belongings) => Trial[]> = {
  'POST /v1/jobs': ({ batch }) => [
    own('/v1/jobs', post({ type: 'test:echo', input: 1, options: { deduplicationKey: SHARED_NAME } })),
    refused(422, '/v1/jobs', post({ type: 'test:echo', input: 1, options: { tenant: OWNER } })),
    refused(422, '/v1/jobs', post({ type: 'test:echo', input: 1, options: { batchId: batch } })),
    own('/v1/jobs', { ...post({ type: 'test:echo', input: 1 }), headers: { 'idempotency-key': SHARED_NAME } }),
  ],
  'POST /v1/jobs/bulk': ({ batch }) => [
    own('/v1/jobs/bulk', post({ jobs: [{ type: 'test:echo', input: 1, options: { tenant: OWNER } }] })),
    refused(422, '/v1/jobs/bulk', post({ jobs: [{ type: 'test:echo', input: 1 }], batchId: batch })),
  ],
  'GET /v1/jobs': (its) => [
    own('/v1/jobs'),
    ...filters(its).map((query) => empty(`/v1/jobs?${query}`)),
    refused(422, `/v1/jobs?cursor=${its.pipeline}`),
  ],
  'GET /v1/jobs/{id}': (its) => [...ofJobs(its), ...ofJobs(its, '?wait=1')],
  'GET /v1/jobs/{id}/events': (its) => ofJobs(its, '/events'),
  'GET /v1/jobs/{id}/attempts': (its) => ofJobs(its, '/attempts'),
  'GET /v1/jobs/{id}/logs': (its) => ofJobs(its, '/logs'),
  'GET /v1/jobs/{id}/steps': (its) => ofJobs(its, '/steps'),
  'GET /v1/jobs/{id}/webhooks': (its) => ofJobs(its, '/webhooks'),
  'POST /v1/jobs/{id}/cancel': (its) => ofJobs(its, '/cancel', post()),
  'POST /v1/jobs/{id}/retry': (its) => [...ofJobs(its, '/retry', post()), ...ofJobs(its, '/retry', post({ input: 1 }))],
  'POST /v1/jobs/{id}/events/{name}': (its) => ofJobs(its, '/events/go', post({ isAllowed: true })),
  'GET /v1/files/{key}': ({ upload, made }) => [upload, made].map((key) => missing(`/v1/files/${key}`)),
  'POST /v1/files': () => [
    refused(422, `/v1/files?tenant=${OWNER}`, { text: 'mine', headers: { 'content-type': 'text/plain' } }),
    own('/v1/files?name=mine.txt', { text: 'mine', headers: { 'content-type': 'text/plain' } }),
  ],
  'DELETE /v1/files/{key}': ({ upload, made }) => [upload, made].map((key) => missing(`/v1/files/${key}`, del)),
  'GET /v1/notifications': () => [
    empty('/v1/notifications?user=ann'),
    refused(422, `/v1/notifications?user=ann&tenant=${OWNER}`),
  ],
  'POST /v1/notifications/{id}/read': ({ notification }) => [missing(`/v1/notifications/${notification}/read`, post())],
  'POST /v1/notifications/read': () => [
    empty('/v1/notifications/read', post({ user: 'ann' })),
    refused(422, '/v1/notifications/read', post({ user: 'ann', tenant: OWNER })),
  ],
  'GET /v1/dead-letters': (its) => [
    ...[...filters(its), 'groupBy=error', `groupBy=error&tenant=${OWNER}`].map((query) =>
      empty(`/v1/dead-letters?${query}`),
    ),
    refused(422, `/v1/dead-letters?cursor=${its.failed}`),
  ],
  'POST /v1/dead-letters/retry': (its) =>
    [{}, ...bodyFilters(its)].map((filter) => empty('/v1/dead-letters/retry', post(dryRun(filter)))),
  'POST /v1/dead-letters/discard': (its) =>
    [{}, ...bodyFilters(its)].map((filter) => empty('/v1/dead-letters/discard', post(dryRun(filter)))),
  'POST /v1/bulk-actions': (its) =>
    actions.flatMap((action) =>
      bodyFilters(its).map((filter) => empty('/v1/bulk-actions', post({ action, ...dryRun(filter) }))),
    ),
  'GET /v1/bulk-actions': ({ bulkAction }) => [
    refused(422, `/v1/bulk-actions?cursor=${bulkAction}`),
    own('/v1/bulk-actions'),
  ],
  'GET /v1/bulk-actions/{id}': ({ bulkAction }) => [missing(`/v1/bulk-actions/${bulkAction}`)],
  'POST /v1/bulk-actions/{id}/abort': ({ bulkAction }) => [missing(`/v1/bulk-actions/${bulkAction}/abort`, post())],
  'GET /v1/ai-usage': () => [empty('/v1/ai-usage'), empty(`/v1/ai-usage?tenant=${OWNER}`)],
  'GET /v1/types': () => [own('/v1/types')],
  'GET /v1/queues': () => [own('/v1/queues')],
  'GET /v1/queues/{name}': () => [own('/v1/queues/test')],
  'POST /v1/queues/{name}/pause': () =>
    ['test', 'nowhere'].map((name) => refused(403, `/v1/queues/${name}/pause`, post())),
  'POST /v1/queues/{name}/resume': () =>
    ['test', 'nowhere'].map((name) => refused(403, `/v1/queues/${name}/resume`, post())),
  'GET /v1/stats': () => [own('/v1/stats')],
  'GET /v1/workers': () => [own('/v1/workers')],
  'GET /v1/workers/{id}': () => [missing('/v1/workers/nobody')],
  'GET /v1/webhooks': ({ subscription }) => [own('/v1/webhooks'), refused(422, `/v1/webhooks?cursor=${subscription}`)],
  'POST /v1/webhooks': () => [
    refused(422, '/v1/webhooks', post({ url: 'http://127.0.0.1:9/', tenant: OWNER })),
    own('/v1/webhooks', post({ url: 'http://127.0.0.1:9/' })),
  ],
  'GET /v1/webhooks/{id}': ({ subscription }) => [missing(`/v1/webhooks/${subscription}`)],
  'PATCH /v1/webhooks/{id}': ({ subscription }) => [
    missing(`/v1/webhooks/${subscription}`, patch({ description: '' })),
  ],
  'DELETE /v1/webhooks/{id}': ({ subscription }) => [missing(`/v1/webhooks/${subscription}`, del)],
  'GET /v1/webhook-deliveries': ({ subscription, completed }) =>
    ['', `subscriptionId=${subscription}`, `jobId=${completed}`].map((query) => own(`/v1/webhook-deliveries?${query}`)),
  'POST /v1/webhook-deliveries/{id}/redeliver': ({ delivery }) => [
    missing(`/v1/webhook-deliveries/${delivery}/redeliver`, post()),
  ],
  'GET /v1/schedules': ({ schedule }) => [own('/v1/schedules'), refused(422, `/v1/schedules?cursor=${schedule}`)],
  'POST /v1/schedules': () => [
    refused(
      422,
      '/v1/schedules',
      post({ name: 'theirs', type: 'test:echo', input: 1, everyMs: DAY_MS, tenant: OWNER }),
    ),
    own('/v1/schedules', post({ name: 'mine', type: 'test:echo', input: 1, everyMs: DAY_MS, enabled: false })),
  ],
  'GET /v1/schedules/{id}': ({ schedule }) => [missing(`/v1/schedules/${schedule}`)],
  'PATCH /v1/schedules/{id}': ({ schedule }) => [missing(`/v1/schedules/${schedule}`, patch({ enabled: true }))],
  'DELETE /v1/schedules/{id}': ({ schedule }) => [missing(`/v1/schedules/${schedule}`, del)],
  'POST /v1/schedules/{id}/trigger': ({ schedule }) => [missing(`/v1/schedules/${schedule}/trigger`, post())],
  'GET /v1/schedules/{id}/runs': ({ schedule }) => [missing(`/v1/schedules/${schedule}/runs`)],
  'GET /v1/batches': ({ batch }) => [own('/v1/batches'), refused(422, `/v1/batches?cursor=${batch}`)],
  'POST /v1/batches': () => [
    refused(422, '/v1/batches', post({ tenant: OWNER, jobs: [{ type: 'test:echo', input: 1 }] })),
    own('/v1/batches', post({ jobs: [{ type: 'test:echo', input: 1 }] })),
  ],
  'GET /v1/batches/{id}': ({ batch }) => [missing(`/v1/batches/${batch}`)],
  'POST /v1/batches/{id}/close': ({ batch }) => [missing(`/v1/batches/${batch}/close`, post())],
  'POST /v1/batches/{id}/cancel': ({ batch }) => [missing(`/v1/batches/${batch}/cancel`, post())],
  'POST /v1/api-keys': () => [
    refused(422, '/v1/api-keys', post({ name: 'theirs', scopes: ['admin'], tenant: OWNER })),
    refused(422, '/v1/api-keys', post({ name: 'of all', scopes: ['admin'], tenant: null })),
    own('/v1/api-keys', post({ name: 'mine', scopes: ['jobs:read'] })),
  ],
  'GET /v1/api-keys': ({ key }) => [own('/v1/api-keys'), refused(422, `/v1/api-keys?cursor=${key}`)],
  'GET /v1/api-keys/{id}': ({ key }) => [missing(`/v1/api-keys/${key}`)],
  'DELETE /v1/api-keys/{id}': ({ key }) => [missing(`/v1/api-keys/${key}`, del)],
  'GET /v1/tenants': () => [empty('/v1/tenants'), refused(422, '/v1/tenants?cursor=a')],
  'GET /v1/tenants/{name}': () => [missing(`/v1/tenants/${OWNER}`), own(`/v1/tenants/${STRANGER}`)],
  'PATCH /v1/tenants/{name}': () =>
    [OWNER, STRANGER].map((name) => refused(403, `/v1/tenants/${name}`, patch({ weight: 9 }))),
  'DELETE /v1/tenants/{name}': () => [OWNER, 'nobody'].map((name) => refused(403, `/v1/tenants/${name}`, del)),
  'GET /v1/audit': () => [own('/v1/audit'), own('/v1/audit?actor=ADMIN_KEY'), empty('/v1/audit?action=job.retry')],
  'GET /v1/openapi.json': () => [own('/v1/openapi.json')],
  'GET /health': () => [own('/health')],
  'GET /health/live': () => [own('/health/live')],
  'GET /health/ready': () => [own('/health/ready')],
};

describe('the key of one tenant and the ids of another', () => {
  let installation: Installation;
  let program: Program;
  let its: Belongings;
  let owner: Tenant;
  let stranger: Tenant;

  beforeAll(async () => {
    installation = await Installation.create({ settings: { ADMIN_KEY } });
    program = await installation.start();
    const headers = { authorization: `Bearer ${ADMIN_KEY}` };
    owner = await createTenant(program, headers, OWNER, SECRET);
    stranger = await createTenant(program, headers, STRANGER, 'a name');
    await program.call(`/v1/tenants/${OWNER}`, { method: 'PATCH', json: { weight: 7 }, headers });
    its = await settle(installation, program, owner, SECRET);
  });
  afterAll(() => installation?.remove());

  it('meet on every route that there is', async () => {
    const { body } = await program.call<{ paths: Record<string, object> }>('/v1/openapi.json');
    const there = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    // The document need not list itself.
    expect(Object.keys(routes).sort()).toEqual([...new Set([...there, 'GET /v1/openapi.json'])].sort());
  });

  it('count nothing of the other', async () => {
    const { counts, webhooks, drift } = (await program.call<StatsResource>('/v1/stats', { headers: stranger.headers }))
      .body;
    expect(Object.values(counts).every((count) => count === 0)).toBe(true);
    expect(webhooks).toEqual({ pending: 0, failed: 0 });
    expect(drift).toEqual({});
    const { items } = (await program.call<Page<QueueResource>>('/v1/queues', { headers: stranger.headers })).body;
    expect(items.length).toBeGreaterThan(0);
    for (const queue of items) {
      expect(Object.values(queue.counts).every((count) => count === 0)).toBe(true);
      expect(queue).toMatchObject({ oldestWaitMs: null, throughputPerMinute: 0 });
    }
    const ofOwner = (await program.call<StatsResource>('/v1/stats', { headers: owner.headers })).body;
    expect(ofOwner.counts).toMatchObject({ failed: 1, scheduled: 2, processing: 1 });
  });

  it.each(Object.keys(routes))('learn nothing and change nothing: %s', async (name) => {
    const before = await look(program, owner, its);
    for (const trial of routes[name]?.(its) ?? []) await tryOut(program, stranger, trial, its);
    expect(await look(program, owner, its)).toEqual(before);
  });

  it.each(actions)('meet no job in a bulk action to %s', async (action) => {
    const before = await look(program, owner, its);
    const { headers } = stranger;
    const json = { action, filter: { ids: jobIds(its) } };
    const { body } = await program.call<BulkActionResource>('/v1/bulk-actions', { json, headers });
    const find = async () => {
      const action = (await program.call<BulkActionResource>(`/v1/bulk-actions/${body.id}`, { headers })).body;
      return action.status === 'completed' && action;
    };
    const done = await waitFor(find, { describe: 'the bulk action is done' });
    expect(done).toMatchObject({ matched: 0, processed: 0, changed: 0 });
    expect(await look(program, owner, its)).toEqual(before);
  });

  it('would have shown it to the owner', async () => {
    const shown = await look(program, owner, its);
    for (const [path, text] of Object.entries(shown))
      expect([path, text]).toEqual([path, expect.stringContaining(SECRET)]);
  });
});

async function tryOut(program: Program, { headers }: Tenant, trial: Trial, its: Belongings): Promise<void> {
  const { path, call = {}, expects } = trial;
  const ask = (at: string) => program.call(at, { ...call, headers: { ...headers, ...call.headers } });
  const answer = await ask(path);
  const label = `${call.method ?? (call.json === undefined ? 'GET' : 'POST')} ${path} ${JSON.stringify(call.json ?? null)}`;
  expectNothingOf(its, answer, label);
  if (expects === 'missing') {
    expect(answer, label).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    const { body } = await ask(withOtherIds(path, its));
    expect(JSON.stringify(body), label).toBe(withOtherIds(JSON.stringify(answer.body), its));
  } else if (expects === 'empty') {
    expect(answer.status, label).toBe(200);
    const { items = [], matched = 0, marked = 0 } = answer.body as { items?: []; matched?: number; marked?: number };
    expect({ items, matched, marked }, label).toEqual({ items: [], matched: 0, marked: 0 });
  } else if (expects === 'own') {
    expect([200, 201, 202, 204], `${label} answered ${answer.status}`).toContain(answer.status);
    for (const { errors } of (answer.body as Partial<BulkAnswer>).rejected ?? [])
      expect(errors[0]?.path).toBe('options.tenant');
  } else {
    expect(answer.status, label).toBe(expects);
  }
}

/** What the owner wrote, and ids and names that the stranger has not said itself. */
function expectNothingOf(its: Belongings, { body, headers }: Answer<unknown>, asked: string): void {
  const text = `${JSON.stringify([...headers])}\n${typeof body === 'string' ? body : JSON.stringify(body)}`;
  for (const hidden of [SECRET, OWNER, ...Object.values(its)])
    if (!asked.includes(hidden)) expect(text, asked).not.toContain(hidden);
}

const otherIds = new Map<string, string>();

/** The same text about things that there are not. */
function withOtherIds(text: string, its: Belongings): string {
  let replaced = text.replaceAll(OWNER, 'tenant-of-nobody');
  for (const key of Object.values(its)) {
    const id = key.slice(0, 36);
    if (!otherIds.has(id)) otherIds.set(id, createId());
    replaced = replaced.replaceAll(id, otherIds.get(id) ?? '');
  }
  return replaced;
}

/** What the owner sees of all that it has, without what changes by itself. */
async function look(program: Program, { headers }: Tenant, its: Belongings): Promise<Record<string, string>> {
  const paths = [
    ...jobIds(its).map((id) => `/v1/jobs/${id}`),
    `/v1/files/${its.upload}`,
    `/v1/files/${its.made}`,
    '/v1/notifications?user=ann&unread=true',
    `/v1/bulk-actions/${its.bulkAction}`,
    `/v1/api-keys/${its.key}`,
    `/v1/webhooks/${its.subscription}`,
    `/v1/schedules/${its.schedule}`,
    `/v1/batches/${its.batch}`,
    '/v1/audit?action=bulk_action.create',
    '/v1/ai-usage',
  ];
  const seen = await Promise.all(
    paths.map(async (path) => [path, toStable((await program.call<unknown>(path, { headers })).body)] as const),
  );
  return Object.fromEntries(seen);
}

function toStable(body: unknown): string {
  const unsteady = ['lastUsedAt', 'etaMs'] satisfies (keyof ApiKeyResource | keyof JobResource['progress'])[];
  return JSON.stringify(body, (name, value: unknown) => ((unsteady as string[]).includes(name) ? null : value));
}
