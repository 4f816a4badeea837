import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { WEBHOOK_BODY_LIMIT } from '../../src/engine/webhook-body.ts';
import { defineJob, NonRetryableError, verifyWebhook } from '../../src/index.ts';
import type { StoredDelivery } from '../../src/store/deliveries.ts';
import { type FakeServer, type SeenRequest, startFakeServer } from '../support/fake-server.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const secret = `whsec_${Buffer.alloc(24, 'secret').toString('base64')}`;
const settings = { WEBHOOK_SECRET: secret };

const echo = defineJob({
  type: 'echo:job',
  input: z.unknown(),
  run: (input) => {
    if (input === 'fail') throw new NonRetryableError('as told');
    return input;
  },
});

interface Body {
  type: string;
  timestamp: string;
  data: Record<string, unknown> & { id: string };
}

function read(request: SeenRequest): Promise<Body> {
  return verifyWebhook<Body>(request.body, request.headers, secret);
}

async function deliveryOf(harness: Harness, jobId: string): Promise<StoredDelivery> {
  const [delivery] = await harness.engine.store.deliveries.list(jobId, null, 10);
  if (!delivery) throw new Error(`job ${jobId} has no delivery`);
  return delivery;
}

function until(harness: Harness, jobId: string, holds: (delivery: StoredDelivery) => boolean): Promise<StoredDelivery> {
  const find = async () => {
    const delivery = await deliveryOf(harness, jobId);
    return holds(delivery) ? delivery : undefined;
  };
  return waitFor(find, { describe: `the delivery of job ${jobId}` });
}

/** As if the wait until the next try were over. */
const makeDue = (harness: Harness, jobId: string) =>
  harness.sql(`update longshore.webhook_deliveries set next_try_at = now() where job_id = $1`, [jobId]);

describe.each<TransportName>(['postgres', 'bullmq'])('a webhook on the %s transport', (transport) => {
  const start = useHarnesses(transport);
  let receiver: FakeServer;
  let url: string;

  beforeEach(async () => {
    receiver = await startFakeServer();
    url = `${receiver.url}/hook`;
    receiver.on('POST /hook', (_request, response) => void response.writeHead(204).end());
  });
  afterEach(() => receiver[Symbol.asyncDispose]());

  const answer = (status: number, headers: Record<string, string> = {}) =>
    receiver.on('POST /hook', (_request, response: ServerResponse) => void response.writeHead(status, headers).end());

  it('tells of the end of a job, signed, once', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await harness.enqueue(echo, { n: 1 }, { webhook: { url }, metadata: { order: 7 }, tags: ['a'] });
    const delivery = await until(harness, id, (each) => each.status === 'delivered');
    expect(delivery).toMatchObject({ event: 'job.completed', url, tries: 1, lastStatusCode: 204, lastError: null });
    expect(receiver.seen).toHaveLength(1);
    const [request] = receiver.seen as [SeenRequest];
    expect(request.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': delivery.id,
      'user-agent': 'longshore/0.0.0-test',
    });
    const { finishedAt } = await harness.job(id);
    const body = await read(request);
    expect(body).toMatchObject({
      type: 'job.completed',
      data: {
        id,
        type: 'echo:job',
        status: 'completed',
        reason: null,
        output: { n: 1 },
        metadata: { order: 7 },
        attempt: 1,
      },
    });
    expect(Math.abs(Date.parse(body.timestamp) - Number(finishedAt))).toBeLessThan(60_000);
    const notGenuine = { code: 'WEBHOOK_NOT_GENUINE' };
    await expect(verifyWebhook(`${request.body} `, request.headers, secret)).rejects.toMatchObject(notGenuine);
    const other = `whsec_${Buffer.alloc(24, 'other').toString('base64')}`;
    await expect(verifyWebhook(request.body, request.headers, other)).rejects.toMatchObject(notGenuine);
  });

  it('is not held up by one whose address does not answer', async () => {
    const held: ServerResponse[] = [];
    receiver.on('POST /slow', (_request, response) => void held.push(response));
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const slow = await harness.enqueue(echo, 1, { webhook: { url: `${receiver.url}/slow` } });
    await waitFor(() => held.length === 1, { describe: 'the slow address is asked' });
    const quick = await harness.enqueue(echo, 2, { webhook: { url } });
    await until(harness, quick.id, (each) => each.status === 'delivered');
    expect(await deliveryOf(harness, slow.id)).toMatchObject({ status: 'pending', tries: 0 });
    held[0]?.writeHead(204).end();
    await until(harness, slow.id, (each) => each.status === 'delivered');
  });

  it('tells of a failure and of a cancel, and of nothing that was not asked for', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const failed = await harness.enqueue(echo, 'fail', { webhook: { url, events: ['job.failed'] } });
    const quiet = await harness.enqueue(echo, 1, { webhook: { url, events: ['job.failed', 'job.expired'] } });
    const none = await harness.enqueue(echo, 2);
    const cancelled = await harness.enqueue(echo, 3, { webhook: { url }, delayMs: 600_000 });
    await cancelJob(harness.engine, everyone, cancelled.id);
    await Promise.all([failed, quiet, none].map(({ id }) => harness.ended(id)));
    for (const { id } of [failed, cancelled]) await until(harness, id, (each) => each.status === 'delivered');
    const bodies = (await Promise.all(receiver.seen.map(read))).sort((a, b) => a.type.localeCompare(b.type));
    expect(bodies).toMatchObject([
      { type: 'job.cancelled', data: { id: cancelled.id, status: 'cancelled' } },
      {
        type: 'job.failed',
        data: { id: failed.id, reason: 'non_retryable', error: { message: 'as told', attempt: 1 } },
      },
    ]);
    expect(bodies[1]?.data.error).not.toHaveProperty('stack');
    for (const { id } of [quiet, none]) {
      expect(await harness.engine.store.deliveries.list(id, null, 10)).toEqual([]);
    }
  });

  it('is written with the status, so that a run that lost the race leaves none', async () => {
    const gate = new Gate();
    const slow = defineJob({ type: 'slow:job', input: z.null(), run: () => gate.pass() });
    const harness = await start([slow], { settings });
    await harness.startWorker();
    const { id } = await harness.enqueue(slow, null, { webhook: { url } });
    await waitFor(() => gate.arrivals === 1, { describe: 'the job runs' });
    await cancelJob(harness.engine, everyone, id);
    gate.open();
    await harness.logged(id, 'a late result was discarded');
    const deliveries = await harness.engine.store.deliveries.list(id, null, 10);
    expect(deliveries.map((each) => each.event)).toEqual(['job.cancelled']);
  });

  it('is sent again after a failure, under the same id, until the receiver takes it', async () => {
    answer(500);
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await harness.enqueue(echo, 1, { webhook: { url } });
    const first = await until(harness, id, (each) => each.tries === 1);
    expect(first).toMatchObject({ status: 'pending', lastStatusCode: 500, lastError: 'answered 500' });
    const [{ waitMs } = { waitMs: 0 }] = await harness.sql<{ waitMs: number }>(
      `select (extract(epoch from next_try_at - created_at) * 1000)::float8 as "waitMs"
       from longshore.webhook_deliveries where job_id = $1`,
      [id],
    );
    expect(waitMs).toBeGreaterThanOrEqual(5000);
    answer(200);
    await makeDue(harness, id);
    expect(await until(harness, id, (each) => each.status === 'delivered')).toMatchObject({
      tries: 2,
      nextTryAt: null,
    });
    const [one, two] = receiver.seen as [SeenRequest, SeenRequest];
    expect(receiver.seen).toHaveLength(2);
    expect(two.headers['webhook-id']).toBe(one.headers['webhook-id']);
    expect(two.body).toBe(one.body);
    expect(await read(two)).toEqual(await read(one));
  });

  it('waits as long as the receiver asks for', async () => {
    answer(503, { 'retry-after': '3600' });
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await harness.enqueue(echo, 1, { webhook: { url } });
    const { nextTryAt, createdAt } = await until(harness, id, (each) => each.tries === 1);
    expect(Number(nextTryAt) - Number(createdAt)).toBeGreaterThanOrEqual(3_600_000);
  });

  it('ends for good when the receiver says that it is gone', async () => {
    answer(410);
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await harness.enqueue(echo, 1, { webhook: { url } });
    expect(await until(harness, id, (each) => each.tries === 1)).toMatchObject({
      status: 'disabled',
      lastStatusCode: 410,
      nextTryAt: null,
    });
  });

  it('does not follow a redirect', async () => {
    answer(307, { location: `${receiver.url}/elsewhere` });
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await harness.enqueue(echo, 1, { webhook: { url } });
    expect(await until(harness, id, (each) => each.tries === 1)).toMatchObject({
      status: 'pending',
      lastStatusCode: 307,
    });
    expect(receiver.seen.map((each) => each.path)).toEqual(['/hook']);
  });

  it('is tried again when nobody listens or the connection breaks', async () => {
    receiver.on('POST /hook', (_request, response) => void response.destroy());
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const broken = await harness.enqueue(echo, 1, { webhook: { url } });
    const closed = await harness.enqueue(echo, 2, { webhook: { url: 'http://127.0.0.1:1/' } });
    for (const { id } of [broken, closed]) {
      const { status, lastError, lastStatusCode } = await until(harness, id, (each) => each.tries === 1);
      expect({ status, lastStatusCode }).toEqual({ status: 'pending', lastStatusCode: null });
      expect(lastError).toMatch(/other side closed|ECONNREFUSED|ECONNRESET|socket|bad port/);
    }
  });

  it('to a private address is refused when the job is enqueued, and again when it is sent', async () => {
    const harness = await start([echo], { settings: { ...settings, OUTBOUND_ALLOW: 'none' } });
    await expect(harness.enqueue(echo, 1, { webhook: { url } })).rejects.toMatchObject({
      code: 'ADDRESS_REFUSED',
      errors: [{ path: 'options.webhook.url', message: expect.stringContaining('a loopback address') }],
    });
    expect(await harness.engine.store.jobs.list('all', {}, 10, null)).toEqual({ rows: [], nextBeforeId: null });
    // The address was fine when the job was enqueued: nothing is called here before the worker runs.
    const { id } = await harness.enqueue(echo, 1, { webhook: { url: 'http://1.1.1.1/' } });
    await harness.sql(
      `update longshore.jobs set webhook = jsonb_set(webhook, '{url}', to_jsonb($2::text)) where id = $1`,
      [id, url],
    );
    await harness.startWorker();
    expect(await until(harness, id, (each) => each.tries === 1)).toMatchObject({
      status: 'failed',
      lastStatusCode: null,
      lastError: expect.stringContaining('may not be called'),
    });
    expect(receiver.seen).toEqual([]);
  });

  it('stays below 20 kB: what is too large is left out and linked', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const large = await harness.enqueue(echo, 'ü'.repeat(10_000), { webhook: { url } });
    const both = await harness.enqueue(echo, 'x'.repeat(30_000), {
      webhook: { url },
      metadata: { m: 'y'.repeat(30_000) },
    });
    for (const { id } of [large, both]) await until(harness, id, (each) => each.status === 'delivered');
    for (const { body } of receiver.seen) expect(Buffer.byteLength(body)).toBeLessThan(WEBHOOK_BODY_LIMIT);
    const data = new Map((await Promise.all(receiver.seen.map(read))).map((body) => [body.data.id, body.data]));
    expect(data.get(large.id)).toMatchObject({ outputOmitted: true, links: { self: `/v1/jobs/${large.id}` } });
    expect(data.get(large.id)).not.toHaveProperty('output');
    expect(data.get(both.id)).toMatchObject({ outputOmitted: true, metadata: {}, metadataOmitted: true });
  });

  it('is sent once when several processes look for what is due', async () => {
    const harness = await start([echo], { settings });
    await Promise.all([start([echo], { beside: harness, settings }), start([echo], { beside: harness, settings })]);
    await harness.startWorker({ concurrency: 10 });
    const jobs = await Promise.all(
      Array.from({ length: 30 }, (_, n) => harness.enqueue(echo, n, { webhook: { url } })),
    );
    for (const { id } of jobs) await until(harness, id, (each) => each.status === 'delivered');
    expect(receiver.seen).toHaveLength(30);
    expect(new Set(receiver.seen.map((each) => each.headers['webhook-id'])).size).toBe(30);
  });
});
