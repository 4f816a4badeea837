import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Problem } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { EventStream, type ReceivedEvent } from '../support/event-stream.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const typesOf = (events: readonly ReceivedEvent[]) => events.map(({ type }) => type);

describe.each<TransportName>(['postgres', 'bullmq'])('the events of a job, on the %s transport', (transport) => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create({ transport });
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  const open = (id: string, headers?: Record<string, string>) =>
    EventStream.open(`${program.url}/v1/jobs/${id}/events`, headers);

  it('come in order while they happen, and the stream closes after the terminal one', async () => {
    const path = installation.nextGate();
    const { id } = await program.enqueue('test:gate', { path });
    const stream = await open(id);
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers.get('cache-control')).toContain('no-cache');
    await stream.waitForEvent('job.progress');
    expect(typesOf(stream.events)).toEqual(['job.queued', 'job.started', 'job.progress']);
    writeFileSync(path, '');
    await stream.closed;
    const ids = stream.events.map((event) => event.id);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    expect(typesOf(stream.events).at(-1)).toBe('job.completed');
    expect(stream.events.at(-1)?.data).toMatchObject({ status: 'completed', output: 'passed', attempt: 1 });
    const progress = stream.events.find(({ type }) => type === 'job.progress');
    expect(progress?.data).toMatchObject({ percent: 10, message: 'at the gate' });
  });

  it('tell lines, retries and the failure of a job that has ended already, and close at once', async () => {
    const talk = await program.enqueue('test:talk', { lines: 2 });
    const flaky = await program.enqueue('test:flaky', { times: 9 }, { attempts: 2 });
    await Promise.all([program.jobEnded(talk.id), program.jobEnded(flaky.id)]);
    const lines = await open(talk.id);
    await lines.closed;
    expect(typesOf(lines.events)).toEqual([
      ...['job.queued', 'job.started', 'job.log', 'job.log', 'job.log'],
      ...['job.progress', 'job.completed'],
    ]);
    expect(lines.events[2]?.data).toMatchObject({ level: 'info', message: 'line 1', fields: { line: 1 }, attempt: 1 });

    const failures = await open(flaky.id);
    await failures.closed;
    expect(typesOf(failures.events)).toEqual([
      ...['job.queued', 'job.started', 'job.retrying'],
      ...['job.started', 'job.failed'],
    ]);
    expect(failures.events[2]?.data).toMatchObject({ attempt: 1, error: { message: 'no luck at attempt 1' } });
    expect(failures.events[4]?.data).toMatchObject({ status: 'failed', reason: 'attempts_exhausted', attempt: 2 });
  });

  it('resume after Last-Event-ID, with nothing missed and nothing twice', async () => {
    const { id } = await program.enqueue('test:talk', { lines: 6 });
    await program.jobEnded(id);
    const whole = await open(id);
    await whole.closed;
    for (const [index, event] of whole.events.entries()) {
      const rest = await open(id, { 'last-event-id': String(event.id) });
      await rest.closed;
      expect(rest.events).toEqual(whole.events.slice(index + 1));
      // 204 tells a browser not to come back once it has seen the end.
      expect(rest.response.status).toBe(index < whole.events.length - 1 ? 200 : 204);
    }
  });

  it('go on after a cut connection while the job runs', async () => {
    const path = installation.nextGate();
    const { id } = await program.enqueue('test:gate', { path });
    const first = await open(id);
    const seen = await first.waitForEvent('job.progress');
    await first.cut();
    const second = await open(id, { 'last-event-id': String(seen.id) });
    writeFileSync(path, '');
    await second.closed;
    expect(typesOf(second.events)).toEqual(['job.completed']);
  });

  it('tell of a cancel', async () => {
    const { id } = await program.enqueue('test:echo', 1, { delayMs: 600_000 });
    const stream = await open(id);
    await stream.waitForEvent('job.queued');
    await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await stream.closed;
    expect(typesOf(stream.events)).toEqual(['job.queued', 'job.cancelled']);
  });

  it('of a job that does not exist are a problem and no stream', async () => {
    const answer = await program.call<Problem>('/v1/jobs/01980000-0000-7000-8000-000000000001/events');
    expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
});

it('an idle stream of events gets a comment every 15 s, so that proxies keep it open', async () => {
  const installation = await Installation.create();
  try {
    const program = await installation.start();
    const { id } = await program.enqueue('test:echo', 1, { delayMs: 600_000 });
    const stream = await EventStream.open(`${program.url}/v1/jobs/${id}/events`);
    await waitFor(() => /(^|\n\n): heartbeat\n\n/.test(stream.text), { describe: 'a heartbeat', timeoutMs: 30_000 });
    expect(typesOf(stream.events)).toEqual(['job.queued']);
    await stream.cut();
  } finally {
    await installation.remove();
  }
});
