import type { Page } from '../../src/contract/list.ts';
import type { DeliveryResource, SubscriptionResource } from '../../src/contract/webhooks.ts';
import type { WorkerResource } from '../../src/contract/workers.ts';
import type { Answer, Call, Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

/** A call that an operation allows. */
export interface Sample {
  status: number;
  /** For the parts of the path in braces. */
  path?: Record<string, string>;
  query?: Record<string, string>;
  json?: unknown;
  text?: string;
  headers?: Record<string, string>;
}

/** What the samples are about. */
export interface World {
  program: Program;
  send<Body = unknown>(path: string, call?: Call): Promise<Answer<Body>>;
  /** Enqueues a job that never starts. @returns its id */
  delayed(): Promise<string>;
  completed: string;
  failed: string;
  etag: string;
  subscription: string;
  delivery: string;
  worker: string;
  bulkAction: string;
  file: string;
  notification: string;
}

const NOBODY = '01980000-0000-7000-8000-000000000001';
const HOOK = 'http://127.0.0.1:1/hook';

export async function createWorld(program: Program, key: string): Promise<World> {
  const send: World['send'] = (path, call = {}) =>
    program.call(path, { ...call, headers: { authorization: `Bearer ${key}`, ...call.headers } });
  const enqueue = async (json: object, hold = 0) => {
    const headers: Record<string, string> = hold > 0 ? { prefer: `wait=${hold}` } : {};
    const { status, body } = await send<{ id: string }>('/v1/jobs', { json, headers });
    if (status >= 300) throw new Error(`a job was not accepted: ${JSON.stringify(body)}`);
    return body.id;
  };
  const webhook = { url: HOOK };
  const completed = await enqueue({ type: 'test:echo', input: 1, options: { webhook } }, 20);
  const failed = await enqueue({ type: 'test:flaky', input: { times: 9 }, options: { attempts: 1 } }, 20);
  await enqueue({ type: 'user:notification', input: { user: 'u-1', title: 'a', channels: [{ type: 'inApp' }] } }, 20);
  const firstOf = async <Item>(path: string) => {
    const find = async () => (await send<Page<Item>>(path)).body.items[0];
    return waitFor(find, { describe: `${path} has an item` });
  };
  const subscription = await send<SubscriptionResource>('/v1/webhooks', { json: { url: HOOK } });
  const action = await send<{ id: string }>('/v1/bulk-actions', {
    json: { action: 'retry', filter: { type: 'no:such' } },
  });
  const upload = { method: 'POST', text: 'some text', headers: { 'content-type': 'text/plain' } };
  return {
    program,
    send,
    delayed: () => enqueue({ type: 'test:echo', input: 1, options: { delayMs: 600_000 } }),
    completed,
    failed,
    etag: (await send(`/v1/jobs/${completed}`)).headers.get('etag') ?? '',
    subscription: subscription.body.id,
    delivery: (await firstOf<DeliveryResource>('/v1/webhook-deliveries')).id,
    worker: (await firstOf<WorkerResource>('/v1/workers')).id,
    bulkAction: action.body.id,
    file: (await send<{ key: string }>('/v1/files?name=a.txt', upload)).body.key,
    notification: (await firstOf<{ id: string }>('/v1/notifications?user=u-1')).id,
  };
}

type Samples = Record<string, (world: World) => Sample[] | Promise<Sample[]>>;

const queries = (status: number) => (list: string[]) =>
  list.map((query): Sample => ({ status, query: Object.fromEntries(new URLSearchParams(query)) }));
const accepted = queries(200);
const refused = queries(422);
const plain: Samples[string] = () => [{ status: 200 }];
const paged: Samples[string] = () => [{ status: 200 }, { status: 200, query: { limit: '1' } }];
const ofJob: Samples[string] = ({ completed }) => [{ status: 200, path: { id: completed }, query: { limit: '1' } }];
const counting = { filter: { type: 'no:such' }, dryRun: true };

const daily = { type: 'test:echo', input: 1, cron: '0 4 * * *' };
const make = async ({ send }: World, path: string, json: object) =>
  (await send<{ id: string }>(path, { json })).body.id;
const makeKey = (world: World) => make(world, '/v1/api-keys', { name: 'another', scopes: ['jobs:read'] });
const makeSchedule = (world: World) => make(world, '/v1/schedules', { name: `s-${crypto.randomUUID()}`, ...daily });
const makeBatch = (world: World) => make(world, '/v1/batches', { name: 'another' });

/** Of every operation, by its name in the document: a new one is refused by the test until it is here. */
export const samples: Samples = {
  postJobs: () => [
    {
      status: 202,
      json: { type: 'test:echo', input: 1, options: { tags: ['a'], delayMs: 60_000, metadata: { a: 1 } } },
    },
    { status: 200, json: { type: 'test:echo', input: 2 }, headers: { prefer: 'wait=30' } },
  ],
  postJobsBulk: () => [
    {
      status: 200,
      json: {
        jobs: [
          { type: 'test:echo', input: 1 },
          { type: 'no:such', input: 1 },
        ],
      },
    },
    {
      status: 200,
      text: '{"type": "test:echo", "input": 1}\n{"type"',
      headers: { 'content-type': 'application/x-ndjson' },
    },
  ],
  getJobs: () => [
    ...accepted(['', 'limit=1', 'tag=a&input.a=1&metadata.b.c=x']),
    ...refused(['input.=1', 'input.a..b=1', `metadata.a=${'x'.repeat(1001)}`]),
  ],
  getJobsId: ({ completed, etag }) => [
    { status: 200, path: { id: completed }, query: { wait: '1' } },
    { status: 304, path: { id: completed }, headers: { 'if-none-match': etag } },
  ],
  postJobsIdRetry: ({ completed, failed }) => [
    { status: 409, path: { id: completed }, json: {} },
    { status: 202, path: { id: failed }, json: { input: { times: 9 } } },
  ],
  postJobsIdCancel: async ({ completed, delayed }) => [
    { status: 202, path: { id: await delayed() } },
    { status: 409, path: { id: completed } },
  ],
  postJobsIdEventsName: ({ completed }) => [
    { status: 422, path: { id: completed, name: 'go' }, json: { any: 'thing' } },
  ],
  getJobsIdAttempts: ofJob,
  getJobsIdLogs: ofJob,
  getJobsIdSteps: ofJob,
  getJobsIdWebhooks: ofJob,
  getJobsIdEvents: ({ completed }) => [
    { status: 200, path: { id: completed } },
    { status: 204, path: { id: completed }, headers: { 'last-event-id': '9007199254740991' } },
  ],
  getFilesKey: ({ file }): Sample[] => [
    { status: 200, path: { key: file } },
    { status: 206, path: { key: file }, headers: { range: 'bytes=0-3' } },
    { status: 304, path: { key: file }, headers: { 'if-none-match': '*', 'cache-control': 'max-age=0' } },
    { status: 412, path: { key: file }, headers: { 'if-match': '"another"' } },
    { status: 416, path: { key: file }, headers: { range: 'bytes=900-' } },
  ],
  postFiles: () => [
    {
      status: 201,
      query: { name: 'b.txt', expiresInMs: '60000' },
      text: 'text',
      headers: { 'content-type': 'text/plain' },
    },
  ],
  deleteFilesKey: async ({ send }) => {
    const upload = { method: 'POST', text: 'x', headers: { 'content-type': 'text/plain' } };
    const { body } = await send<{ key: string }>('/v1/files', upload);
    return [{ status: 204, path: { key: body.key } }];
  },
  getNotifications: () => [{ status: 200, query: { user: 'u-1', unread: 'true' } }],
  postNotificationsIdRead: ({ notification }) => [{ status: 200, path: { id: notification } }],
  postNotificationsRead: () => [{ status: 200, json: { user: 'u-1' } }],
  getDeadLetters: () => [{ status: 200 }, { status: 200, query: { groupBy: 'error', limit: '1' } }],
  postDeadLettersRetry: () => [
    { status: 200, json: counting },
    { status: 202, json: { filter: { type: 'no:such' } } },
  ],
  postDeadLettersDiscard: () => [
    { status: 200, json: counting },
    { status: 202, json: { filter: { type: 'no:such' } } },
  ],
  postBulkActions: () => [
    { status: 200, json: { action: 'cancel', ...counting } },
    { status: 202, json: { action: 'delete', filter: { type: 'no:such' } } },
  ],
  getBulkActions: paged,
  getBulkActionsId: ({ bulkAction }) => [{ status: 200, path: { id: bulkAction } }],
  postBulkActionsIdAbort: async ({ send, bulkAction }) => {
    const path = `/v1/bulk-actions/${bulkAction}`;
    const hasEnded = async () => (await send<{ status: string }>(path)).body.status === 'completed';
    await waitFor(hasEnded, { describe: 'the bulk action has ended' });
    return [{ status: 409, path: { id: bulkAction } }];
  },
  postWebhooks: () => [
    { status: 201, json: { url: HOOK, events: ['job.failed'], types: ['video:*'], description: 'a', tenant: 'acme' } },
  ],
  getWebhooks: paged,
  getWebhooksId: ({ subscription }) => [{ status: 200, path: { id: subscription } }],
  patchWebhooksId: ({ subscription }) => [
    { status: 200, path: { id: subscription }, json: { enabled: false, description: 'b' } },
  ],
  deleteWebhooksId: async ({ send }) => {
    const { body } = await send<{ id: string }>('/v1/webhooks', { json: { url: HOOK } });
    return [{ status: 204, path: { id: body.id } }];
  },
  getWebhookDeliveries: () => [{ status: 200, query: { status: 'pending', limit: '1', batchId: NOBODY } }],
  postWebhookDeliveriesIdRedeliver: ({ delivery }) => [{ status: 202, path: { id: delivery } }],
  getWorkers: paged,
  getWorkersId: ({ worker }) => [{ status: 200, path: { id: worker } }],
  postApiKeys: () => [{ status: 201, json: { name: 'a key', scopes: ['jobs:read'], tenant: 'acme' } }],
  getApiKeys: paged,
  getApiKeysId: async (world) => [{ status: 200, path: { id: await makeKey(world) } }],
  deleteApiKeysId: async (world) => [{ status: 200, path: { id: await makeKey(world) } }],
  getTenants: paged,
  getTenantsName: () => [{ status: 200, path: { name: 'acme' } }],
  patchTenantsName: () => [{ status: 200, path: { name: 'acme' }, json: { weight: 2 } }],
  deleteTenantsName: async ({ send }) => {
    await send('/v1/tenants/passing', { method: 'PATCH', json: { weight: 2 } });
    return [{ status: 204, path: { name: 'passing' } }];
  },
  getAudit: paged,
  postSchedules: () => [{ status: 201, json: { name: `s-${crypto.randomUUID()}`, ...daily } }],
  getSchedules: paged,
  getSchedulesId: async (world) => [{ status: 200, path: { id: await makeSchedule(world) } }],
  patchSchedulesId: async (world) => [
    { status: 200, path: { id: await makeSchedule(world) }, json: { enabled: false } },
  ],
  deleteSchedulesId: async (world) => [{ status: 204, path: { id: await makeSchedule(world) } }],
  postSchedulesIdTrigger: async (world) => [{ status: 202, path: { id: await makeSchedule(world) } }],
  getSchedulesIdRuns: async (world) => [{ status: 200, path: { id: await makeSchedule(world) } }],
  postBatches: () => [{ status: 201, json: { name: 'b', jobs: [{ type: 'test:echo', input: 1 }] } }],
  getBatches: paged,
  getBatchesId: async (world) => [{ status: 200, path: { id: await makeBatch(world) } }],
  postBatchesIdClose: async (world) => [{ status: 200, path: { id: await makeBatch(world) } }],
  postBatchesIdCancel: async (world) => [{ status: 202, path: { id: await makeBatch(world) } }],
  getAiUsage: () => [{ status: 200, query: { from: '2030-01-01' } }],
  getTypes: paged,
  getQueues: paged,
  getQueuesName: () => [{ status: 200, path: { name: 'test' } }],
  postQueuesNamePause: () => [{ status: 200, path: { name: 'data' } }],
  postQueuesNameResume: () => [{ status: 200, path: { name: 'data' } }],
  getStats: plain,
  getHealth: plain,
  getHealthLive: plain,
  getHealthReady: plain,
  getOpenapiJson: plain,
};
