import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { readNotes } from '../support/notes.ts';
import { install, startProxy } from './setup.ts';

const OUTAGE_MS = 10_000;
const PACE_MS = 200;

describe('a Redis that cannot be reached for 10 s', () => {
  it('costs no call its 202 and no job its run', async () => {
    const installation = await install({ transport: 'bullmq' });
    const note = join(installation.folder, 'note');
    const redisUrl = installation.settings.REDIS_URL ?? '';
    const proxy = await startProxy(redisUrl);
    const routed = { REDIS_URL: proxy.route(redisUrl) };
    const api = await installation.start({ MODE: 'api', ...routed });
    const worker = await installation.start({ MODE: 'worker', ...routed });
    const before = await api.enqueue('test:work', { ms: 0, note });
    await api.jobEnded(before.id);

    await proxy.refuse();
    const jobs = [before];
    for (const until = performance.now() + OUTAGE_MS; performance.now() < until; await sleep(PACE_MS)) {
      jobs.push(await api.enqueue('test:work', { ms: 0, note })); // throws for anything but 202
    }
    expect((await api.call('/health/live')).status).toBe(200);
    expect(await api.call('/health/ready')).toMatchObject({ status: 200, body: { status: 'degraded' } });
    await proxy.pass();

    for (const { id } of jobs) expect(await api.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(readNotes(note)).toEqual(new Map(jobs.map(({ id }) => [id, ['started', 'ended']])));
    expect(worker.hasEnded).toBe(false);
  });

  it('holds up neither a cancel nor an expiry of jobs that it holds', async () => {
    const installation = await install({ transport: 'bullmq' });
    const redisUrl = installation.settings.REDIS_URL ?? '';
    const proxy = await startProxy(redisUrl);
    const api = await installation.start({ MODE: 'api', REDIS_URL: proxy.route(redisUrl) });
    const cancelled = await api.enqueue('test:echo', 1);
    const expiring = await api.enqueue('test:echo', 2, { ttlMs: 1000 });
    await proxy.refuse();
    const { status, body } = await api.call(`/v1/jobs/${cancelled.id}/cancel`, { method: 'POST' });
    expect({ status, body }).toMatchObject({ status: 202, body: { status: 'cancelled' } });
    expect(await api.jobEnded(expiring.id)).toMatchObject({ status: 'expired' });
    const later = await api.enqueue('test:echo', 3, { ttlMs: 100 });
    expect(await api.jobEnded(later.id)).toMatchObject({ status: 'expired' });

    await proxy.pass();
    const next = await api.enqueue('test:echo', 4);
    await installation.start({ MODE: 'worker' });
    expect(await api.jobEnded(next.id)).toMatchObject({ status: 'completed', output: 4 });
    expect(await api.job(cancelled.id)).toMatchObject({ status: 'cancelled', startedAt: null });
  });
});
