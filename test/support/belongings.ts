import { join } from 'node:path';
import pg from 'pg';
import type { CreatedKeyResource } from '../../src/contract/api-keys.ts';
import type { FileResource } from '../../src/contract/files.ts';
import type { JobResource, JobStatus } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { StepResource } from '../../src/contract/steps.ts';
import type { Call, Installation, Program } from './program.ts';
import { waitFor } from './wait-for.ts';

/** The ids of what a tenant has, one of each kind, by what it is. */
export interface Belongings {
  completed: string;
  failed: string;
  scheduled: string;
  running: string;
  pipeline: string;
  upload: string;
  made: string;
  notification: string;
  bulkAction: string;
  batch: string;
  key: string;
  subscription: string;
  delivery: string;
  schedule: string;
}

export interface Tenant {
  name: string;
  key: CreatedKeyResource;
  headers: Record<string, string>;
}

/** What two tenants may name alike. */
export const SHARED_NAME = 'shared-name';
const LATER_MS = 3_600_000;

/** Makes a key of a tenant that may do all there. */
export async function createTenant(program: Program, admin: Call['headers'], name: string, keyName: string) {
  const json = { name: keyName, tenant: name, scopes: ['admin'] };
  const { body: key } = await program.call<CreatedKeyResource>('/v1/api-keys', { json, headers: { ...admin } });
  return { name, key, headers: { authorization: `Bearer ${key.key}` } } satisfies Tenant;
}

/** Gives a tenant something of every kind, with a text in each, and waits until nothing of it changes any more. */
export async function settle(
  installation: Installation,
  program: Program,
  tenant: Tenant,
  text: string,
): Promise<Belongings> {
  const call = createCaller(program, tenant);
  const enqueue = async (type: string, input: unknown, options: object = {}, headers: Call['headers'] = {}) => {
    const more = { tags: [text], metadata: { note: text }, ...options };
    return (await call<JobResource>('/v1/jobs', { json: { type, input, options: more }, headers })).id;
  };
  const subscription = await call<{ id: string }>('/v1/webhooks', {
    json: { url: `http://127.0.0.1:9/${text}`, description: text },
  });
  const scheduled = { delayMs: LATER_MS, deduplicationKey: SHARED_NAME };
  const jobs = {
    completed: await enqueue('test:echo', { note: text }),
    failed: await enqueue('test:flaky', { times: 1, isFinal: true }),
    scheduled: await enqueue('test:echo', { note: text }, scheduled, { 'idempotency-key': SHARED_NAME }),
    running: await enqueue('test:gate', { path: join(installation.folder, text) }, { timeoutMs: LATER_MS }),
    pipeline: await enqueue('test:film', { isAsking: true }),
  };
  const file = await enqueue('test:file', { name: 'made.txt', text });
  await enqueue('user:notification', { user: 'ann', title: text, body: text, channels: [{ type: 'inApp' }] });
  const headers = { 'content-type': 'text/plain' };
  const upload = await call<FileResource>('/v1/files?name=upload.txt', { text, headers });
  const action = { action: 'retry', filter: { tag: text, type: text } };
  const bulkAction = await call<{ id: string }>('/v1/bulk-actions', { json: action });
  const schedule = await call<{ id: string }>('/v1/schedules', {
    json: { name: text, type: 'test:echo', input: text, everyMs: LATER_MS * 24, enabled: false },
  });
  const later = { type: 'test:echo', input: text, options: { delayMs: LATER_MS } };
  const batch = await call<{ id: string }>('/v1/batches', { json: { name: text, jobs: [later] } });
  await insertAiUsage(installation, tenant.name, text);

  const statuses: [string, JobStatus][] = [
    [jobs.completed, 'completed'],
    [jobs.failed, 'failed'],
    [jobs.running, 'processing'],
    [file, 'completed'],
  ];
  for (const [id, status] of statuses) {
    const isThere = async () => (await call<JobResource>(`/v1/jobs/${id}`)).status === status;
    await waitFor(isThere, { describe: `job ${id} is ${status}` });
  }
  const asks = async () => {
    const { items } = await call<Page<StepResource>>(`/v1/jobs/${jobs.pipeline}/steps`);
    return (
      items.some(({ kind }) => kind === 'event') &&
      (await call<JobResource>(`/v1/jobs/${jobs.pipeline}`)).status === 'waiting'
    );
  };
  await waitFor(asks, { describe: 'the pipeline waits for its event' });
  const isDone = async () =>
    (await call<{ status: string }>(`/v1/bulk-actions/${bulkAction.id}`)).status === 'completed';
  await waitFor(isDone, { describe: 'the bulk action is done' });
  const first = (path: string) =>
    waitFor(async () => (await call<Page<{ id: string }>>(path)).items[0]?.id, { describe: `something at ${path}` });
  return {
    ...jobs,
    upload: upload.key,
    made: `${file}-made.txt`,
    notification: await first('/v1/notifications?user=ann'),
    bulkAction: bulkAction.id,
    key: tenant.key.id,
    subscription: subscription.id,
    schedule: schedule.id,
    batch: batch.id,
    delivery: await first(`/v1/jobs/${jobs.completed}/webhooks`),
  };
}

function createCaller(program: Program, { headers }: Tenant) {
  return async <Body>(path: string, more: Call = {}): Promise<Body> => {
    const { status, body } = await program.call<Body>(path, { ...more, headers: { ...headers, ...more.headers } });
    if (status >= 400) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
    return body;
  };
}

async function insertAiUsage({ settings }: Installation, tenant: string, model: string): Promise<void> {
  const client = new pg.Client({ connectionString: settings.DATABASE_URL ?? '' });
  await client.connect();
  const text = `insert into longshore.ai_usage (tenant, day, model, calls, input_tokens, output_tokens, cost_micros)
    values ($1, current_date, $2, 1, 1, 1, 1)`;
  await client.query(text, [tenant, model]).finally(() => client.end());
}
