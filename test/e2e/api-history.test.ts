import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AttemptResource, LogLineResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { DeliveryResource } from '../../src/contract/webhooks.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.each<TransportName>(['postgres', 'bullmq'])('the history of a job, on the %s transport', (transport) => {
  let installation: Installation;
  let program: Program;
  let receiver: WebhookReceiver;

  beforeAll(async () => {
    receiver = await startWebhookReceiver();
    installation = await Installation.create({ transport, settings: { WEBHOOK_SECRET: SECRET } });
    program = await installation.start();
  });
  afterAll(async () => {
    await installation?.remove();
    await receiver?.stop();
  });

  const read = async <Item>(path: string) => (await program.call<Page<Item>>(path)).body;

  it('lists every attempt with its error, and the one that completed the job', async () => {
    const { id } = await program.enqueue('test:flaky', { times: 2 });
    await program.jobEnded(id);
    const { items, nextCursor } = await read<AttemptResource>(`/v1/jobs/${id}/attempts`);
    expect(nextCursor).toBeNull();
    expect(items.map(({ attempt, outcome, error }) => [attempt, outcome, error?.message])).toEqual([
      [1, 'retrying', 'no luck at attempt 1'],
      [2, 'retrying', 'no luck at attempt 2'],
      [3, 'completed', undefined],
    ]);
    expect(items[0]).toEqual({
      attempt: 1,
      outcome: 'retrying',
      worker: expect.any(String),
      error: {
        name: 'TypeError',
        message: 'no luck at attempt 1',
        stack: expect.stringMatching(/^TypeError: [^\n]+\n +at [^\n]+test\/support\/jobs\/basics\.ts:\d+:\d+\)$/),
        cause: expect.objectContaining({ name: 'Error', message: 'the moon' }),
        attempt: 1,
      },
      startedAt: expect.stringMatching(TIME),
      finishedAt: expect.stringMatching(TIME),
      durationMs: expect.any(Number),
    });
    for (const limit of [1, 2, 3]) {
      const first = await read<AttemptResource>(`/v1/jobs/${id}/attempts?limit=${limit}`);
      expect(first.items).toEqual(items.slice(0, limit));
      if (limit === 3) expect(first.nextCursor).toBeNull();
      else
        expect(await read(`/v1/jobs/${id}/attempts?cursor=${first.nextCursor}`)).toMatchObject({
          items: items.slice(limit),
        });
    }
  });

  it('shows the last failure of a job that is out of attempts', async () => {
    const { id } = await program.enqueue('test:flaky', { times: 5 }, { attempts: 2 });
    const job = await program.jobEnded(id);
    expect(job).toMatchObject({
      status: 'failed',
      reason: 'attempts_exhausted',
      attempt: 2,
      maxAttempts: 2,
      output: null,
      error: { name: 'TypeError', message: 'no luck at attempt 2', attempt: 2 },
    });
    const { items } = await read<AttemptResource>(`/v1/jobs/${id}/attempts`);
    expect(items.map(({ outcome }) => outcome)).toEqual(['retrying', 'failed']);
  });

  it('lists the lines that a job wrote, page by page', async () => {
    const { id } = await program.enqueue('test:talk', { lines: 5 });
    await program.jobEnded(id);
    const whole = await read<LogLineResource>(`/v1/jobs/${id}/logs`);
    expect(whole.nextCursor).toBeNull();
    expect(whole.items.map(({ message }) => message)).toEqual([
      ...['line 1', 'line 2', 'line 3', 'line 4', 'line 5'],
      'that was all',
    ]);
    expect(whole.items[0]).toEqual({
      id: expect.stringMatching(/^\d+$/),
      attempt: 1,
      level: 'info',
      message: 'line 1',
      fields: { line: 1 },
      at: expect.stringMatching(TIME),
    });
    expect(whole.items[5]).toMatchObject({ level: 'warn', fields: null });
    const pages: LogLineResource[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Page<LogLineResource> = await read(`/v1/jobs/${id}/logs?limit=4${cursor && `&cursor=${cursor}`}`);
      pages.push(...page.items);
      cursor = page.nextCursor;
    }
    expect(pages).toEqual(whole.items);
  });

  it('keeps the progress of a cancelled job', async () => {
    const { id } = await program.enqueue('test:gate', { path: join(installation.folder, 'never') });
    await waitFor(async () => (await program.job(id)).progress.percent === 10, { describe: 'progress is stored' });
    await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect((await program.job(id)).progress).toEqual({ percent: 10, message: 'at the gate', etaMs: null });
  });

  it('sends a signed webhook for the end of a job, and lists its delivery', async () => {
    const webhook = { url: `${receiver.url}/hook` };
    const { id } = await program.enqueue('test:echo', { answer: 42 }, { webhook, metadata: { order: 17 } });
    const [request] = await receiver.waitForRequests('/hook', 1);
    if (!request) throw new Error('there is one');
    const body = new Webhook(SECRET).verify(request.body, request.headers as Record<string, string>);
    expect(body).toMatchObject({
      type: 'job.completed',
      timestamp: expect.stringMatching(TIME),
      data: {
        id,
        type: 'test:echo',
        status: 'completed',
        reason: null,
        output: { answer: 42 },
        metadata: { order: 17 },
      },
    });
    const list = () => read<DeliveryResource>(`/v1/jobs/${id}/webhooks`);
    await waitFor(async () => (await list()).items[0]?.status === 'delivered', { describe: 'it counts as delivered' });
    expect(await list()).toEqual({
      items: [
        {
          id: request.headers['webhook-id'],
          jobId: id,
          batchId: null,
          subscriptionId: null,
          event: 'job.completed',
          url: webhook.url,
          status: 'delivered',
          tries: 1,
          nextTryAt: null,
          lastStatusCode: 204,
          lastError: null,
          createdAt: expect.stringMatching(TIME),
          deliveredAt: expect.stringMatching(TIME),
        },
      ],
      nextCursor: null,
    });
  });

  it('sends a refused webhook again under the same id, and none for an event that was not asked for', async () => {
    receiver.answerWith('/shy', 500);
    const webhook = { url: `${receiver.url}/shy`, events: ['job.failed' as const] };
    const quiet = await program.enqueue('test:echo', 1, { webhook });
    await program.jobEnded(quiet.id);
    expect(await read(`/v1/jobs/${quiet.id}/webhooks`)).toEqual({ items: [], nextCursor: null });

    const { id } = await program.enqueue('test:flaky', { times: 9, isFinal: true }, { webhook });
    const tries = await receiver.waitForRequests('/shy', 2);
    expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(JSON.parse(tries[0]?.body ?? '')).toMatchObject({
      type: 'job.failed',
      data: { id, status: 'failed', reason: 'non_retryable', error: { message: 'no luck at attempt 1' } },
    });
    const last = () => read<DeliveryResource>(`/v1/jobs/${id}/webhooks`).then(({ items }) => items[0]);
    await waitFor(async () => (await last())?.status === 'delivered', { describe: 'the second try counts' });
    expect(await last()).toMatchObject({ tries: 2, lastStatusCode: 204 });
  });
});
