import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes } from '../support/notes.ts';
import { pauseQueue } from '../support/pause-queue.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.each<TransportName>(['postgres', 'bullmq'])('jobs over HTTP, on the %s transport', (transport) => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create({ transport });
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  const post = (body: unknown, headers?: Record<string, string>) =>
    program.call<JobResource>('/v1/jobs', { json: body, ...(headers ? { headers } : {}) });

  it('accepts a job with 202, its Location, and the whole job', async () => {
    const answer = await post({ type: 'test:echo', input: { hello: 'world' } });
    const { id } = answer.body;
    expect(id).toMatch(UUID_V7);
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`/v1/jobs/${id}`);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.body).toEqual({
      id,
      type: 'test:echo',
      queue: 'test',
      tenant: 'default',
      status: 'queued',
      reason: null,
      priority: 0,
      tags: [],
      metadata: {},
      input: { hello: 'world' },
      output: null,
      error: null,
      progress: { percent: 0, message: null, etaMs: null },
      attempt: 0,
      maxAttempts: 3,
      createdAt: expect.stringMatching(TIME),
      runAt: answer.body.createdAt,
      startedAt: null,
      finishedAt: null,
      parentId: null,
      stepKey: null,
      scheduleId: null,
      batchId: null,
      worker: null,
      deduplicationKey: null,
      links: { self: `/v1/jobs/${id}`, events: `/v1/jobs/${id}/events`, cancel: `/v1/jobs/${id}/cancel` },
    });
  });

  it('keeps every option, and starts a job no earlier than it may', async () => {
    const runAt = new Date(Date.now() + 3_600_000).toISOString();
    const options = {
      queue: 'work',
      priority: -7,
      attempts: 9,
      backoff: { type: 'fixed', delayMs: 5 },
      timeoutMs: 1234,
      ttlMs: 60_000,
      deduplicationKey: 'an order',
      tags: ['a', 'b'],
      metadata: { order: 17 },
      tenant: 'acme',
    };
    const { body } = await post({ type: 'test:echo', input: null, options: { ...options, runAt } });
    expect(body).toMatchObject({
      status: 'scheduled',
      queue: 'work',
      priority: -7,
      maxAttempts: 9,
      tags: ['a', 'b'],
      metadata: { order: 17 },
      tenant: 'acme',
      deduplicationKey: 'an order',
      runAt,
    });
    const { headers } = await program.call(`/v1/jobs/${body.id}`);
    expect(headers.get('retry-after')).toBe('60');
    const delayed = (await post({ type: 'test:echo', input: null, options: { delayMs: 90_000 } })).body;
    expect(Date.parse(delayed.runAt) - Date.parse(delayed.createdAt)).toBe(90_000);
    expect(delayed.status).toBe('scheduled');
  });

  it('shows an ended job whole, with an ETag that answers 304 and without Retry-After', async () => {
    const { id, createdAt } = await program.enqueue('test:echo', { text: 'ünï ☃ 😀' });
    const job = await program.jobEnded(id);
    expect(job).toMatchObject({
      status: 'completed',
      reason: null,
      output: { text: 'ünï ☃ 😀' },
      error: null,
      progress: { percent: 100, message: null, etaMs: null },
      attempt: 1,
      createdAt,
      startedAt: expect.stringMatching(TIME),
      finishedAt: expect.stringMatching(TIME),
      worker: expect.stringMatching(/\w/),
    });
    const answer = await program.call(`/v1/jobs/${id}`);
    const etag = answer.headers.get('etag') as string;
    expect(etag).toMatch(/^(W\/)?"[^"]+"$/);
    expect(answer.headers.get('retry-after')).toBeNull();
    const again = await program.call(`/v1/jobs/${id}`, { headers: { 'if-none-match': etag } });
    expect(again).toMatchObject({ status: 304, body: '' });
    expect(again.headers.get('etag')).toBe(etag);
    const other = await program.call(`/v1/jobs/${id}`, { headers: { 'if-none-match': '"other"' } });
    expect(other.status).toBe(200);
  });

  it('changes the ETag when the job changes', async () => {
    const path = installation.nextGate();
    await pauseQueue(installation, program, 'test');
    const { id } = await program.enqueue('test:gate', { path });
    const etagNow = async () => (await program.call(`/v1/jobs/${id}`)).headers.get('etag');
    const seen = new Set([await etagNow()]);
    await program.call('/v1/queues/test/resume', { method: 'POST' });
    await program.jobIs(id, 'processing');
    seen.add(await etagNow());
    writeFileSync(path, '');
    await program.jobEnded(id);
    seen.add(await etagNow());
    expect(seen.size).toBe(3);
  });

  it('holds a POST that prefers to wait until the job has ended: 200', async () => {
    const answer = await post({ type: 'test:echo', input: 1 }, { prefer: 'respond-async, wait=30' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('preference-applied')).toBe('wait=30');
    expect(answer.headers.get('location')).toBe(`/v1/jobs/${answer.body.id}`);
    expect(answer.headers.get('retry-after')).toBeNull();
    expect(answer.body).toMatchObject({ status: 'completed', output: 1 });
  });

  it('answers 202 when the wait is over before the job', async () => {
    const path = installation.nextGate();
    const answer = await post({ type: 'test:gate', input: { path } }, { prefer: 'wait=1' });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('preference-applied')).toBe('wait=1');
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(['queued', 'processing']).toContain(answer.body.status);
    writeFileSync(path, '');
    expect((await program.jobEnded(answer.body.id)).output).toBe('passed');
  });

  it('waits at most 60 seconds, whatever is preferred', async () => {
    const answer = await post({ type: 'test:echo', input: 1 }, { prefer: 'wait=86400' });
    expect(answer.headers.get('preference-applied')).toBe('wait=60');
    const tooLong = await program.call<Problem>(`/v1/jobs/${answer.body.id}?wait=61`);
    expect(tooLong.status).toBe(422);
    expect(tooLong.body.errors?.[0]?.path).toBe('wait');
  });

  it('ignores a preference that cannot be read, as RFC 7240 asks', async () => {
    const answer = await post({ type: 'test:echo', input: 1 }, { prefer: 'wait=soon' });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('preference-applied')).toBeNull();
  });

  it.each(['?wait=30', 'prefer'])('holds a GET with %s until the job has ended', async (how) => {
    const path = installation.nextGate();
    const { id } = await program.enqueue('test:gate', { path });
    await program.jobIs(id, 'processing');
    const held = program.call<JobResource>(`/v1/jobs/${id}${how === 'prefer' ? '' : how}`, {
      headers: how === 'prefer' ? { prefer: 'wait=30' } : {},
    });
    writeFileSync(path, '');
    const answer = await held;
    expect(answer.status).toBe(200);
    expect(answer.body.status).toBe('completed');
    expect(answer.headers.get('preference-applied')).toBe(how === 'prefer' ? 'wait=30' : null);
  });

  it('answers a held GET with the job as it is when the time is over', async () => {
    const path = installation.nextGate();
    const { id } = await program.enqueue('test:gate', { path });
    await program.jobIs(id, 'processing');
    const { status, headers, body } = await program.call<JobResource>(`/v1/jobs/${id}?wait=1`);
    expect(status).toBe(200);
    expect(headers.get('retry-after')).toBe('1');
    expect(body.status).toBe('processing');
    writeFileSync(path, '');
  });

  it('cancels a job that waits and one that runs with 202, and an ended one with 409', async () => {
    const note = installation.nextGate();
    const cancel = (id: string) => program.call<JobResource>(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    const scheduled = await program.enqueue('test:echo', 1, { delayMs: 600_000 });
    expect(await cancel(scheduled.id)).toMatchObject({ status: 202, body: { status: 'cancelled', startedAt: null } });

    const running = await program.enqueue('test:gate', { path: installation.nextGate(), note });
    await program.jobIs(running.id, 'processing');
    const { body } = await cancel(running.id);
    expect(body).toMatchObject({ id: running.id, status: 'cancelled', output: null });
    expect(body.finishedAt).toMatch(TIME);
    await waitFor(() => countNotes(note, 'aborted') === 1, { describe: 'its signal has aborted' });
    expect((await program.job(running.id)).status).toBe('cancelled');

    const late = await cancel(running.id);
    expect(late.status).toBe(409);
    expect(late.headers.get('content-type')).toMatch(/^application\/problem\+json\b/);
    expect(late.body).toMatchObject({
      code: 'JOB_TERMINAL',
      status: 409,
      detail: expect.stringContaining('cancelled'),
    });
  });
});
