import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli, type FakeCli } from '../../test/support/fake-cli.ts';
import { answerJson, type FakeServer, startFakeServer } from '../../test/support/fake-server.ts';
import type { DeliveryResource, SubscriptionResource } from '../contract/webhooks.ts';
import type { WorkerResource } from '../contract/workers.ts';
import { exitCodes } from './exit-codes.ts';

const at = '2026-01-01T00:00:00.000Z';
const ids = ['01980000-0000-7000-8000-000000000001', '01980000-0000-7000-8000-000000000002'] as const;
const subscription: SubscriptionResource = {
  ...{ id: ids[0], url: 'https://example.com/hook', events: ['job.failed'], types: ['video:*'] },
  ...{ description: 'on call', tenant: 'acme', disabledAt: null, createdAt: at },
};
const delivery: DeliveryResource = {
  ...{ id: ids[1], jobId: ids[0], batchId: null, subscriptionId: null, event: 'job.failed', url: subscription.url },
  ...{ status: 'failed', tries: 10, nextTryAt: null, lastStatusCode: 500, lastError: 'answered 500' },
  ...{ createdAt: at, deliveredAt: null },
};
let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(() => server[Symbol.asyncDispose]());

const open = (): FakeCli => createFakeCli({ environment: { LONGSHORE_URL: server.url } });

describe('webhooks', () => {
  it('lists who is told, and says how to go on', async () => {
    server.onJson('GET /v1/webhooks', { items: [{ ...subscription, disabledAt: at }], nextCursor: ids[0] });
    const cli = open();
    expect(await cli.run('webhooks', 'list', '--limit', '1')).toBe(exitCodes.done);
    expect(server.seen[0]?.path).toBe('/v1/webhooks?limit=1');
    expect(cli.stdout()).toMatch(/ID\s+STATE/);
    expect(cli.stdout()).toMatch(/off.*example\.com/);
    expect(cli.stderr()).toContain(`--cursor ${ids[0]}`);
  });

  it('subscribes an address with its events and types, and prints the id alone', async () => {
    server.onJson('POST /v1/webhooks', subscription, 201);
    const cli = open();
    const flags = ['--event', 'job.failed', '--type', 'video:*', '--tenant', 'acme', '--description', 'on call'];
    await cli.run('webhooks', 'create', subscription.url, ...flags, '--idempotency-key', 'once');
    expect(cli.stdout().trim()).toBe(ids[0]);
    expect(server.seen[0]?.headers['idempotency-key']).toBe('once');
    const { url, events, types, description, tenant } = subscription;
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({ url, events, types, description, tenant });
  });

  it('deletes a subscription', async () => {
    server.on(`DELETE /v1/webhooks/${ids[0]}`, (_request, response) => void response.writeHead(204).end());
    const cli = open();
    expect(await cli.run('webhooks', 'delete', ids[0])).toBe(exitCodes.done);
    expect(cli.stderr()).toContain('is told no more');
  });

  it('lists deliveries of a status, a subscription and a job; refuses a status that is none', async () => {
    server.onJson('GET /v1/webhook-deliveries', { items: [delivery], nextCursor: null });
    const cli = open();
    await cli.run('webhooks', 'deliveries', '--status', 'failed', '--webhook', ids[0], '--job', ids[1]);
    expect(server.seen[0]?.path).toBe(`/v1/webhook-deliveries?status=failed&subscriptionId=${ids[0]}&jobId=${ids[1]}`);
    expect(cli.stdout()).toContain('answered 500');
    const other = open();
    expect(await other.run('webhooks', 'deliveries', '--status', 'lost')).toBe(exitCodes.usage);
    expect(other.stderr()).toContain('Allowed are pending, delivered, failed, disabled.');
  });

  it('sends a delivery again', async () => {
    server.onJson(`POST /v1/webhook-deliveries/${ids[1]}/redeliver`, { ...delivery, status: 'pending' }, 202);
    const cli = open();
    expect(await cli.run('webhooks', 'redeliver', ids[1])).toBe(exitCodes.done);
    expect(cli.stderr()).toContain('job.failed is sent to https://example.com/hook again');
  });

  it('tells what the server says of an id that is none', async () => {
    const problem = { code: 'NOT_FOUND', title: 'x', status: 404, detail: 'there is no webhook x', type: 'x' };
    server.on('DELETE /v1/webhooks/x', (_request, response) => answerJson(response, problem, 404));
    const cli = open();
    expect(await cli.run('webhooks', 'delete', 'x')).not.toBe(exitCodes.done);
    expect(cli.stderr()).toContain('there is no webhook x');
  });
});

describe('workers', () => {
  it('lists them with what they run, and whether they are alive', async () => {
    const worker: WorkerResource = {
      ...{ id: 'w1', host: 'box', pid: 7, version: '0.1.0', queues: ['http'], concurrency: 10, running: 3, jobs: [] },
      ...{ startedAt: at, lastHeartbeatAt: at, isAlive: false },
    };
    server.onJson('GET /v1/workers', { items: [worker], nextCursor: null });
    const cli = open();
    expect(await cli.run('workers')).toBe(exitCodes.done);
    expect(cli.stdout()).toMatch(/box\s+7\s+silent\s+3\/10/);
  });
});
