import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../src/client.ts';
import type { BatchResource, CreatedBatch } from '../../src/contract/batches.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { Installation, type Program } from '../support/program.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const echo = (input: unknown, options: object = {}) => ({ type: 'test:echo', input, options });
const later = { delayMs: 3_600_000 };
const ID = '01980000-0000-7000-8000-000000000001';

describe.each<TransportName>(['postgres', 'bullmq'])('batches over HTTP, on the %s transport', (transport) => {
  let installation: Installation;
  let program: Program;
  let client: Client;
  let receiver: WebhookReceiver;

  beforeAll(async () => {
    receiver = await startWebhookReceiver();
    installation = await Installation.create({ transport });
    program = await installation.start();
    client = createClient({ url: program.url });
  });
  afterAll(async () => {
    await installation?.remove();
    await receiver?.stop();
  });

  const post = <Body>(path: string, json: unknown, headers = {}) => program.call<Body>(path, { json, headers });

  it('runs jobs that come with it, calls its webhook once, and enqueues its last job', async () => {
    const { status, headers, body } = await post<CreatedBatch>('/v1/batches', {
      name: 'nightly',
      metadata: { day: 1 },
      webhook: { url: `${receiver.url}/${transport}` },
      onComplete: echo('done'),
      jobs: [echo(1), echo(2), { type: 'test:nope', input: 3 }, echo(4)],
    });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/v1/batches/${body.id}`);
    expect(body).toMatchObject({ name: 'nightly', tenant: 'default', metadata: { day: 1 }, counts: { total: 3 } });
    expect(body.jobs).toMatchObject({ accepted: 3, rejected: [{ index: 2, errors: [{ path: 'type' }] }] });
    const seen: BatchResource[] = [];
    const ended = await client.batches.wait(body.id, { onProgress: (batch) => seen.push(batch) });
    expect(ended).toMatchObject({
      status: 'completed',
      counts: { total: 3, pending: 0, completed: 3, failed: 0, cancelled: 0, expired: 0 },
      progress: { percent: 100 },
      closedAt: expect.any(String),
      finishedAt: expect.any(String),
    });
    expect(seen.at(-1)).toEqual(ended);
    const last = await program.jobEnded(ended.onCompleteJobId ?? '');
    expect(last).toMatchObject({ output: 'done', metadata: { batchId: body.id } });
    const [told] = await receiver.waitForRequests(`/${transport}`, 1);
    expect(JSON.parse(told?.body ?? '')).toMatchObject({
      type: 'batch.completed',
      timestamp: ended.finishedAt,
      data: { id: body.id, counts: ended.counts, metadata: { day: 1 }, onCompleteJobId: last.id },
    });
    const { items } = (await program.call<Page<JobResource>>(ended.links.jobs)).body;
    expect(items.map(({ id }) => id).sort()).toEqual(body.jobs?.ids);
    for (const job of items) expect(job.batchId).toBe(body.id);
  });

  it('takes jobs from every call that enqueues, until it is closed', async () => {
    const { id } = await client.batches.create();
    const one = await program.enqueue('test:echo', 1, { ...later, batchId: id });
    const json = await client.jobs.createMany([echo(2, later), echo(3, later)], { batchId: id });
    const lines = await client.jobs.createFromStream([echo(4, later), JSON.stringify(echo(5, later))], { batchId: id });
    expect([json.accepted, lines.accepted]).toEqual([2, 2]);
    const open = await client.batches.get(id);
    expect(open).toMatchObject({ status: 'open', closedAt: null, counts: { total: 5, pending: 5 } });
    expect((await client.batches.close(id)).status).toBe('running');
    expect((await client.batches.close(id)).status).toBe('running');
    const errors = [{ path: 'options.batchId', message: 'there is no such batch that is open' }];
    const refused = await post<Problem>('/v1/jobs', echo(6, { batchId: id }));
    expect([refused.status, refused.body.errors]).toEqual([422, errors]);
    const shut = await client.jobs.createMany([echo(7), echo(8, { batchId: undefined })], { batchId: id });
    expect(shut).toMatchObject({
      accepted: 0,
      rejected: [
        { index: 0, errors },
        { index: 1, errors },
      ],
    });
    const streamed = await client.jobs.createFromStream([echo(9)], { batchId: id });
    expect(streamed).toMatchObject({ accepted: 0, rejectedTotal: 1, rejected: [{ index: 0, errors }] });

    const cancelled = await client.batches.cancel(id);
    expect(cancelled.status).toBe('running');
    expect(await client.bulkActions.wait(cancelled.bulkActionId)).toMatchObject({ action: 'cancel', changed: 5 });
    expect((await client.batches.wait(id)).counts).toMatchObject({ total: 5, cancelled: 5 });
    expect((await program.job(one.id)).status).toBe('cancelled');
  });

  it('ends at once when it is closed without jobs', async () => {
    const { id, progress } = await client.batches.create({ name: 'empty' });
    expect(progress.percent).toBe(0);
    await client.batches.close(id);
    expect(await client.batches.wait(id)).toMatchObject({ counts: { total: 0 }, progress: { percent: 100 } });
  });

  it('is made once for each Idempotency-Key', async () => {
    const headers = { 'Idempotency-Key': `batch-${transport}` };
    const request = { jobs: [echo(1, later), echo(2, later)], keepOpen: true };
    const first = await post<CreatedBatch>('/v1/batches', request, headers);
    const again = await post<CreatedBatch>('/v1/batches', request, headers);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(first.body).toMatchObject({ status: 'open', counts: { total: 2 } });
  });

  it('is listed, newest first, page by page', async () => {
    const created = [];
    for (const name of ['a', 'b', 'c']) created.push((await client.batches.create({ name })).id);
    const page = await client.batches.list({ limit: 2 });
    expect(page.items.map(({ name }) => name)).toEqual(['c', 'b']);
    const rest = await client.batches.list({ limit: 1, cursor: page.nextCursor ?? '' });
    expect(rest.items.map(({ id }) => id)).toEqual([created[0]]);
    const bad = await program.call<Problem>('/v1/batches?cursor=x');
    expect([bad.status, bad.body.errors?.[0]?.path]).toEqual([422, 'cursor']);
  });

  it.each([
    ['an empty list of jobs', { jobs: [] }, ['jobs']],
    ['jobs of which none is good', { jobs: [echo(1, { batchId: 'x' }), 7] }, ['jobs.0.options.batchId', 'jobs.1.']],
    ['a job of another batch', { jobs: [echo(1, { batchId: ID })] }, ['jobs.0.options.batchId']],
    ['unknown fields', { nam: 'x' }, ['nam']],
    ['an onComplete of an unknown type', { onComplete: { type: 'test:nope', input: 1 } }, ['onComplete.type']],
    ['an onComplete with a wrong input', { onComplete: { type: 'test:typed', input: {} } }, ['onComplete.input.name']],
    [
      'an onComplete that may be kept away',
      { onComplete: echo(1, { deduplicationKey: 'a' }) },
      ['onComplete.options.deduplicationKey'],
    ],
    ['keepOpen without jobs', { keepOpen: true }, ['keepOpen']],
    ['text that cannot be stored', { name: 'a\0' }, ['name']],
  ])('refuses %s, and makes nothing', async (_what, json, paths) => {
    const before = (await client.batches.list({ limit: 1 })).items;
    const { status, body } = await post<Problem>('/v1/batches', json);
    expect(status).toBe(422);
    expect(body.errors?.map(({ path }) => path)).toEqual(expect.arrayContaining(paths));
    expect((await client.batches.list({ limit: 1 })).items).toEqual(before);
  });

  it('answers 404 where there is none', async () => {
    for (const path of [`/v1/batches/${ID}`, '/v1/batches/x']) {
      expect((await program.call(path)).status).toBe(404);
      expect((await post(`${path}/close`, {})).status).toBe(404);
      expect((await post(`${path}/cancel`, {})).status).toBe(404);
    }
  });
});
