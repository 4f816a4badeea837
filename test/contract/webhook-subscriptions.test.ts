import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { batchRequestSchema } from '../../src/contract/batches.ts';
import { type SubscriptionInput, subscriptionRequestSchema } from '../../src/contract/webhooks.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { createBatch } from '../../src/engine/batches/create-batch.ts';
import { closeBatch } from '../../src/engine/batches/end-batch.ts';
import { cancelJob, expireJobs } from '../../src/engine/control.ts';
import type { Caller } from '../../src/engine/engine.ts';
import {
  changeSubscription,
  createSubscription,
  deleteSubscription,
  redeliver,
} from '../../src/engine/subscriptions.ts';
import { defineJob, definePipeline, NonRetryableError, verifyWebhook } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import type { StoredDelivery } from '../../src/store/deliveries.ts';
import { type FakeServer, startFakeServer } from '../support/fake-server.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const secret = `whsec_${Buffer.alloc(24, 'secret').toString('base64')}`;
const settings = { WEBHOOK_SECRET: secret };
const acme: Caller = { scope: { tenant: 'acme' }, actor: 'key of acme' };

const echo = defineJob({
  type: 'echo:job',
  input: z.unknown(),
  run: (input) => {
    if (input === 'fail') throw new NonRetryableError('as told');
    return input;
  },
});
const other = defineJob({ type: 'other:job', input: z.unknown(), run: (input) => input });

describe.each<TransportName>(['postgres', 'bullmq'])('a subscription on the %s transport', (transport) => {
  const start = useHarnesses(transport);
  let receiver: FakeServer;
  let url: string;

  beforeEach(async () => {
    receiver = await startFakeServer();
    url = `${receiver.url}/hook`;
    answer(204);
  });
  afterEach(() => receiver[Symbol.asyncDispose]());

  const answer = (status: number) =>
    receiver.on('POST /hook', (_request, response) => void response.writeHead(status).end());

  const subscribe = (harness: Harness, request: Partial<SubscriptionInput> = {}, caller = everyone) =>
    createSubscription(harness.engine, caller, subscriptionRequestSchema.parse({ url, ...request }), createId());

  const owedTo = (harness: Harness, subscriptionId: string): Promise<StoredDelivery[]> =>
    harness.engine.store.deliveries.search('all', { subscriptionId }, 200, null);

  const untilAll = (harness: Harness, subscriptionId: string, count: number, status = 'delivered') =>
    waitFor(
      async () => {
        const owed = await owedTo(harness, subscriptionId);
        return owed.length === count && owed.every((each) => each.status === status) ? owed : undefined;
      },
      { describe: `${count} deliveries of ${subscriptionId} are ${status}` },
    );

  it('is told of a job that was enqueued after it, also by a process that has not heard of it yet', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    // As another process would do it: nothing tells this one.
    const id = createId();
    await harness.engine.store.subscriptions.insert({
      ...{ id, tenant: 'default', url, description: '' },
      ...{ events: ['job.completed'], types: null },
    });
    const job = await harness.enqueue(echo, { n: 1 });
    const [delivery] = await untilAll(harness, id, 1);
    expect(delivery).toMatchObject({ jobId: job.id, batchId: null, subscriptionId: id, event: 'job.completed', url });
    const [request] = receiver.seen;
    expect(request?.headers['webhook-id']).toBe(delivery?.id);
    expect(await verifyWebhook(request?.body ?? '', request?.headers as Record<string, string>, secret)).toMatchObject({
      type: 'job.completed',
      data: { id: job.id, type: 'echo:job', status: 'completed', output: { n: 1 } },
    });
  });

  it('is told once of each end: completed, failed, cancelled, expired', async () => {
    const harness = await start([echo], { settings, isFollower: true });
    const { id } = await subscribe(harness);
    await harness.startWorker();
    const jobs = {
      'job.completed': await harness.enqueue(echo, 1),
      'job.failed': await harness.enqueue(echo, 'fail'),
      'job.cancelled': await harness.enqueue(echo, 2, { delayMs: 600_000 }),
      'job.expired': await harness.enqueue(echo, 3, { delayMs: 600_000, ttlMs: 600_000 }),
    };
    await cancelJob(harness.engine, everyone, jobs['job.cancelled'].id);
    await harness.sql(`update longshore.jobs set expires_at = now() where id = $1`, [jobs['job.expired'].id]);
    expect(await expireJobs(harness.engine, 10)).toBe(1);
    const owed = await untilAll(harness, id, 4);
    expect(new Map(owed.map((each) => [each.event, each.jobId]))).toEqual(
      new Map(Object.entries(jobs).map(([event, job]) => [event, job.id])),
    );
    expect(receiver.seen).toHaveLength(4);
  });

  it('is told of what a pipeline leaves open when it is cancelled, and of a job whose worker was lost too often', async () => {
    const gate = new Gate();
    const step = defineJob({ type: 'slow:step', input: z.null(), run: () => gate.pass() });
    const line = definePipeline({ type: 'some:line', input: z.null(), run: (_input, flow) => flow.step(step, null) });
    const harness = await start([step, line, echo], { settings });
    const { id } = await subscribe(harness, { events: ['job.cancelled', 'job.failed'] });
    await harness.startWorker();
    const pipeline = await harness.enqueue(line, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the step runs' });
    await cancelJob(harness.engine, everyone, pipeline.id);
    const cancelled = await untilAll(harness, id, 2);
    expect(cancelled.map(({ event }) => event)).toEqual(['job.cancelled', 'job.cancelled']);
    gate.open();

    const lost = await harness.enqueue(echo, 1, { delayMs: 600_000 });
    await harness.sql(`update longshore.jobs set rescues = 3, run_at = now() where id = $1`, [lost.id]);
    harness.engine.dispatcher.wakeAt(Date.now());
    const owed = await untilAll(harness, id, 3);
    expect(owed[0]).toMatchObject({ jobId: lost.id, event: 'job.failed' });
    expect(await harness.job(lost.id)).toMatchObject({ reason: 'worker_lost' });
  });

  it('is told of its tenant, its events and its types alone, beside the webhook of the job itself', async () => {
    const harness = await start([echo, other], { settings });
    await harness.startWorker();
    const own = await subscribe(harness, {}, acme);
    const failures = await subscribe(harness, { events: ['job.failed'] });
    const some = await subscribe(harness, { types: ['echo:*', 'no:other'] });
    const one = await subscribe(harness, { types: ['other:job'] });
    const job = await harness.enqueue(echo, 1, { webhook: { url: `${receiver.url}/hook` } });
    const second = await harness.enqueue(other, 2);
    const ofAcme = await harness.enqueue(echo, 3, { tenant: 'acme' });
    const told = await Promise.all([own, some, one].map(({ id }) => untilAll(harness, id, 1)));
    expect(told.map(([each]) => each?.jobId)).toEqual([ofAcme.id, job.id, second.id]);
    expect(await owedTo(harness, failures.id)).toEqual([]);
    const both = await harness.engine.store.deliveries.list(job.id, null, 10);
    expect(both.map((each) => each.subscriptionId).sort()).toEqual([some.id, null].sort());
  });

  it('ends with 410, with all that is owed to it; jobs end as quietly as before', async () => {
    answer(500);
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await subscribe(harness);
    for (const n of [1, 2]) await harness.enqueue(echo, n);
    const [first] = await waitFor(
      async () => {
        const owed = await owedTo(harness, id);
        return owed.length === 2 && owed.every(({ tries }) => tries === 1) ? owed : undefined;
      },
      { describe: 'both were tried' },
    );
    answer(410);
    await redeliver(harness.engine, everyone, first?.id ?? '');
    await untilAll(harness, id, 2, 'disabled');
    expect(await harness.engine.store.subscriptions.get('all', id)).toMatchObject({ disabledAt: expect.any(Date) });
    const quiet = await harness.enqueue(echo, 3);
    await harness.ended(quiet.id);
    expect(await owedTo(harness, id)).toHaveLength(2);
  });

  it('is quiet while it is switched off, and told again of what ends after it was switched on', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await subscribe(harness);
    expect(await changeSubscription(harness.engine, everyone, id, { enabled: false })).toMatchObject({
      disabledAt: expect.any(Date),
    });
    await harness.ended((await harness.enqueue(echo, 1)).id);
    const changed = await changeSubscription(harness.engine, everyone, id, { enabled: true, description: 'again' });
    expect(changed).toMatchObject({ disabledAt: null, description: 'again' });
    const job = await harness.enqueue(echo, 2);
    expect((await untilAll(harness, id, 1)).map((each) => each.jobId)).toEqual([job.id]);
  });

  it('is owed nothing any more when it is deleted', async () => {
    answer(500);
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await subscribe(harness);
    await harness.enqueue(echo, 1);
    await waitFor(async () => (await owedTo(harness, id))[0]?.tries === 1, { describe: 'it was tried' });
    await deleteSubscription(harness.engine, everyone, id);
    expect(await owedTo(harness, id)).toMatchObject([
      { status: 'disabled', nextTryAt: null, lastError: 'the subscription was deleted' },
    ]);
    await expect(deleteSubscription(harness.engine, everyone, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('may be of another tenant only for who sees all of them', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await subscribe(harness);
    const job = await harness.enqueue(echo, 1);
    const [delivery] = await untilAll(harness, id, 1);
    const notFound = expect.objectContaining({ code: 'NOT_FOUND' });
    await expect(changeSubscription(harness.engine, acme, id, { enabled: false })).rejects.toEqual(notFound);
    await expect(deleteSubscription(harness.engine, acme, id)).rejects.toEqual(notFound);
    await expect(redeliver(harness.engine, acme, delivery?.id ?? '')).rejects.toEqual(notFound);
    await expect(subscribe(harness, { tenant: 'default' }, acme)).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [{ path: 'tenant', message: 'is not the tenant of this key' }],
    });
    expect(await harness.engine.store.deliveries.search({ tenant: 'acme' }, { jobId: job.id }, 10, null)).toEqual([]);
    expect(await owedTo(harness, id)).toMatchObject([{ status: 'delivered', tries: 1 }]);
  });

  it('is told of a batch of its tenant once all of its jobs have ended', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const { id } = await subscribe(harness, { events: ['batch.completed'], types: ['no:such'] });
    const ofAcme = await subscribe(harness, { events: ['batch.completed'] }, acme);
    const request = batchRequestSchema.parse({});
    const { batch } = await createBatch(harness.engine, everyone, { seed: createId(), request, parts: undefined });
    const batchId = batch.id;
    await harness.enqueue(echo, 1, { batchId });
    await closeBatch(harness.engine, everyone, batchId);
    expect(await untilAll(harness, id, 1)).toMatchObject([{ batchId, jobId: null, event: 'batch.completed', url }]);
    expect(await owedTo(harness, ofAcme.id)).toEqual([]);
  });

  it('to a private address is refused', async () => {
    const harness = await start([echo], { settings: { ...settings, OUTBOUND_ALLOW: 'none' } });
    await expect(subscribe(harness)).rejects.toMatchObject({ code: 'ADDRESS_REFUSED', errors: [{ path: 'url' }] });
  });
});

describe.each<TransportName>(['postgres'])('a delivery that is sent again, on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('keeps its id and body, also after it was delivered; the try that was under way does not end it', async () => {
    await using receiver = await startFakeServer();
    receiver.on('POST /hook', (_request, response) => void response.writeHead(204).end());
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const job = await harness.enqueue(echo, 1, { webhook: { url: `${receiver.url}/hook` } });
    const find = async () => {
      const [delivery] = await harness.engine.store.deliveries.list(job.id, null, 1);
      return delivery?.status === 'delivered' ? delivery : undefined;
    };
    const { id } = await waitFor(find, { describe: 'it is delivered' });
    expect(await redeliver(harness.engine, everyone, id)).toMatchObject({ id, status: 'pending', tries: 0 });
    await waitFor(() => receiver.seen.length === 2, { describe: 'it is sent again' });
    expect(await waitFor(find, { describe: 'it is delivered again' })).toMatchObject({ tries: 1 });
    const [one, two] = receiver.seen;
    expect(two?.headers['webhook-id']).toBe(one?.headers['webhook-id']);
    expect(two?.body).toBe(one?.body);
  });

  it('is not ended by an older try that has lost it', async () => {
    const harness = await start([echo], { settings, isFollower: true });
    await harness.startWorker();
    const job = await harness.enqueue(echo, 1, { webhook: { url: 'http://127.0.0.1:1/' } });
    const { deliveries } = harness.engine.store;
    const tried = async () => {
      const [delivery] = await deliveries.list(job.id, null, 1);
      return delivery?.tries === 1 ? delivery : undefined;
    };
    const { id } = await waitFor(tried, { describe: 'it was tried' });
    const result = { id, status: 'delivered', statusCode: 204, error: null, retryInMs: null } as const;
    await deliveries.recordTry(result, '2020-01-01 00:00:00+00');
    expect(await deliveries.list(job.id, null, 1)).toMatchObject([{ status: 'pending', tries: 1 }]);
  });

  it('is listed by status, subscription and job, newest first', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const jobs = await Promise.all(
      [1, 2].map((n) => harness.enqueue(echo, n, { webhook: { url: 'http://127.0.0.1:1/' } })),
    );
    const { deliveries } = harness.engine.store;
    const all = await waitFor(
      async () => {
        const rows = await deliveries.search('all', { status: 'pending' }, 10, null);
        return rows.length === 2 ? rows : undefined;
      },
      { describe: 'two deliveries' },
    );
    expect(all.map(({ id }) => id)).toEqual(
      all
        .map(({ id }) => id)
        .sort()
        .reverse(),
    );
    expect(await deliveries.search('all', {}, 10, all[0]?.id ?? '')).toMatchObject([{ id: all[1]?.id }]);
    expect(await deliveries.search('all', { jobId: jobs[0]?.id }, 10, null)).toMatchObject([{ jobId: jobs[0]?.id }]);
    expect(await deliveries.search('all', { status: 'delivered' }, 10, null)).toEqual([]);
    expect(await deliveries.search({ tenant: 'default' }, {}, 10, null)).toHaveLength(2);
    expect(await deliveries.search({ tenant: 'acme' }, {}, 10, null)).toEqual([]);
  });
});
