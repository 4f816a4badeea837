import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Client,
  createClient,
  JobCancelledError,
  JobFailedError,
  type JobTypesOf,
  NotFoundError,
  ValidationError,
  verifyWebhook,
  WaitTimeoutError,
} from '../../src/client.ts';
import type { JobEvent } from '../../src/contract/job.ts';
import type * as basics from '../support/jobs/basics.ts';
import type * as gates from '../support/jobs/gates.ts';
import { type LossyGateway, startLossyGateway } from '../support/lossy-gateway.ts';
import { Installation, type Program } from '../support/program.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

type Jobs = typeof basics & typeof gates;
const SECRET = `whsec_${Buffer.alloc(24, 'client').toString('base64')}`;

let installation: Installation;
let program: Program;
let client: Client<JobTypesOf<Jobs>>;

beforeAll(async () => {
  installation = await Installation.create({ settings: { WEBHOOK_SECRET: SECRET } });
  program = await installation.start();
  client = createClient<Jobs>({ url: program.url });
});
afterAll(() => installation?.remove());

const countJobs = async (tag: string) => (await client.jobs.list({ tag, limit: 200 })).items.length;

async function collect(events: AsyncIterable<JobEvent>): Promise<JobEvent[]> {
  const seen: JobEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

describe('the client', () => {
  it('creates a job, waits for it, and knows its input and output', async () => {
    const input = { name: 'a', count: 2, items: [{ price: 3 }] };
    const created = await client.jobs.create('test:typed', input, { tags: ['typed'] });
    expect(created).toMatchObject({ type: 'test:typed', tags: ['typed'] });
    const ended = await client.jobs.wait<'test:typed'>(created.id, { throwOnFailure: true });
    expect(ended.output.total).toBe(6);
    const job = await client.jobs.get<'test:typed'>(created.id);
    expect(job.status === 'completed' && job.output.total).toBe(6);
  });

  it('runs a job to its output', async () => {
    expect(await client.jobs.run('test:typed', { name: 'a', count: 1 })).toEqual({ total: 0 });
  });

  it('throws what became of a job that failed or was cancelled', async () => {
    const failing = client.jobs.run('test:flaky', { times: 9, isFinal: true });
    await expect(failing).rejects.toBeInstanceOf(JobFailedError);
    await expect(failing).rejects.toMatchObject({ code: 'JOB_FAILED', job: { reason: 'non_retryable' } });

    const { id } = await client.jobs.create('test:gate', { path: installation.nextGate() });
    const waiting = expect(client.jobs.wait(id, { throwOnFailure: true })).rejects.toBeInstanceOf(JobCancelledError);
    await client.jobs.cancel(id);
    await waiting;
  });

  it('stops waiting after its time or at its signal, and leaves the job alone', async () => {
    const path = installation.nextGate();
    const { id } = await client.jobs.create('test:gate', { path });
    await expect(client.jobs.wait(id, { timeoutMs: 100 })).rejects.toBeInstanceOf(WaitTimeoutError);
    const signal = AbortSignal.timeout(100);
    await expect(client.jobs.wait(id, { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
    writeFileSync(path, '');
    expect(await client.jobs.wait(id)).toMatchObject({ status: 'completed', output: 'passed' });
  });

  it('retries a job with another input', async () => {
    const { id } = await client.jobs.create('test:flaky', { times: 9, isFinal: true });
    expect(await client.jobs.wait(id)).toMatchObject({ status: 'failed' });
    await client.jobs.retry(id, { input: { times: 0 } });
    expect(await client.jobs.wait(id)).toMatchObject({ status: 'completed', output: 'worked at attempt 1' });
  });

  it('creates many at once, and lists them page by page', async () => {
    const jobs = Array.from({ length: 5 }, (_, n) => ({
      type: 'test:echo' as const,
      input: n,
      options: { tags: ['many'], delayMs: 600_000 },
    }));
    const { accepted, ids } = await client.jobs.createMany(jobs);
    expect(accepted).toBe(5);
    const page = await client.jobs.list({ tag: 'many', limit: 2 }).page();
    expect(page.items.map(({ input }) => input)).toEqual([4, 3]);
    const listed: string[] = [];
    for await (const { id } of client.jobs.list({ tag: 'many', limit: 2 })) listed.push(id);
    expect(listed).toEqual(ids.toReversed());
    for await (const { type } of client.types.list({ limit: 1 })) expect(type).toEqual(expect.any(String));
  });

  it('says with classes what the server refuses', async () => {
    const unknown = createClient({ url: program.url }).jobs.create('test:unknown', {});
    await expect(unknown).rejects.toMatchObject({ name: 'ValidationError', code: 'UNKNOWN_TYPE' });
    const invalid = client.jobs.create('test:typed', { name: '', count: 11 });
    await expect(invalid).rejects.toBeInstanceOf(ValidationError);
    await expect(invalid).rejects.toMatchObject({
      errors: [{ path: 'input.name' }, { path: 'input.count' }],
    });
    const missing = client.jobs.get('01980000-0000-7000-8000-000000000000');
    await expect(missing).rejects.toBeInstanceOf(NotFoundError);
    const { id } = await client.jobs.create('test:echo', 1);
    await client.jobs.wait(id);
    await expect(client.jobs.cancel(id)).rejects.toMatchObject({ name: 'ConflictError', code: 'JOB_TERMINAL' });
  });

  it('reads lines, attempts and events of a job', async () => {
    const { id } = await client.jobs.create('test:talk', { lines: 3 });
    const events = await collect(client.jobs.events(id));
    expect(events.at(-1)?.type).toBe('job.completed');
    const lines: string[] = [];
    for await (const { message } of client.jobs.logs(id, { limit: 2 })) lines.push(message);
    expect(lines).toEqual(['line 1', 'line 2', 'line 3', 'that was all']);
    expect((await client.jobs.attempts(id)).items).toMatchObject([{ outcome: 'completed' }]);
  });

  it('verifies the webhook of a job', async () => {
    const receiver = await startWebhookReceiver();
    try {
      const webhook = { url: `${receiver.url}/hook` };
      const { id } = await client.jobs.create('test:echo', 1, { webhook });
      const [request] = await receiver.waitForRequests('/hook', 1);
      const payload = await verifyWebhook(request?.body ?? '', request?.headers ?? {}, ['whsec_b2xk', SECRET]);
      expect(payload).toMatchObject({ type: 'job.completed', data: { id, type: 'test:echo', output: 1 } });
    } finally {
      await receiver.stop();
    }
  });
});

describe('through a network that breaks', () => {
  let gateway: LossyGateway;
  let far: typeof client;
  beforeEach(async () => {
    gateway = await startLossyGateway(program.url);
    far = createClient<Jobs>({ url: gateway.url });
  });
  afterEach(() => gateway[Symbol.asyncDispose]());

  it('a job is created once, whether its request or its answer was lost', async () => {
    gateway.lose('POST /v1/jobs', 'request', 'answer', 'answer');
    const { id } = await far.jobs.create('test:echo', 1, { tags: ['lost'] });
    expect(gateway.seen).toHaveLength(4);
    expect(await countJobs('lost')).toBe(1);
    expect(await client.jobs.get(id)).toMatchObject({ tags: ['lost'] });
  });

  it('two calls that are alike create two jobs', async () => {
    gateway.lose('POST /v1/jobs', 'answer', 'answer');
    await Promise.all([1, 1].map((input) => far.jobs.create('test:echo', input, { tags: ['alike'] })));
    expect(await countJobs('alike')).toBe(2);
  });

  it('many jobs are created once', async () => {
    gateway.lose('POST /v1/jobs/bulk', 'answer', 'answer');
    const jobs = Array.from({ length: 20 }, (_, input) => ({
      type: 'test:echo' as const,
      input,
      options: { tags: ['lost-bulk'] },
    }));
    expect((await far.jobs.createMany(jobs)).ids).toHaveLength(20);
    expect(await countJobs('lost-bulk')).toBe(20);
  });

  it('a cancel is not repeated by itself', async () => {
    const { id } = await client.jobs.create('test:gate', { path: installation.nextGate() });
    gateway.lose(`POST /v1/jobs/${id}/cancel`, 'answer');
    await expect(far.jobs.cancel(id)).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
    expect(await client.jobs.wait(id)).toMatchObject({ status: 'cancelled' });
  });

  it('a run gets its output all the same', async () => {
    gateway.lose('POST /v1/jobs', 'answer');
    expect(await far.jobs.run('test:typed', { name: 'a', count: 1 })).toEqual({ total: 0 });
  });

  it('a page that was lost is asked for again', async () => {
    gateway.lose('GET /v1/types', 'answer', 'request');
    expect((await far.types.list()).items.length).toBeGreaterThan(0);
  });

  it('every event of a job arrives once, in its order, although the stream is cut again and again', async () => {
    const { id } = await client.jobs.create('test:talk', { lines: 6 });
    await client.jobs.wait(id);
    const all = await collect(client.jobs.events(id));
    await far.health(); // the server has been there
    gateway.lose(`GET /v1/jobs/${id}/events`, { afterText: 'line 1' }, 'request', { afterText: 'line 4' }, 'answer');
    expect(await collect(far.jobs.events(id))).toEqual(all);
    expect(all.filter(({ type }) => type === 'job.log')).toHaveLength(7);
  });
});
