import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { QueueResource } from '../../src/contract/program.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import type { Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, openQueue, startOwnRedis } from './setup.ts';

const SLOTS = 3;
const WAITING = 5;

describe('FLUSHALL', () => {
  const isPaused = async (api: Program, queue: string) =>
    (await api.call<QueueResource>(`/v1/queues/${queue}`)).body.isPaused;

  it('loses no job, whether it is waiting, active, delayed, retrying or paused, and runs none twice', async () => {
    const server = await startOwnRedis();
    const settings = { REDIS_URL: server.url, QUEUE_CONCURRENCY: String(SLOTS) };
    const installation = await install({ transport: 'bullmq', settings });
    const { queue, redis } = openQueue(installation, 'test');
    const { queue: work } = openQueue(installation, 'work');
    const note = join(installation.folder, 'note');
    const path = installation.nextGate();
    const api = await installation.start({ MODE: 'api' });
    await installation.start({ MODE: 'worker' });

    const backoff = { type: 'fixed', delayMs: 4000 } as const;
    const retrying = await api.enqueue('test:flaky', { times: 1 }, { backoff });
    await api.jobIs(retrying.id, 'retrying');
    const delayed = await api.enqueue('test:echo', 'delayed', { delayMs: 4000 });
    await api.call('/v1/queues/work/pause', { method: 'POST' });
    const paused = await api.enqueue('test:work', { ms: 0, note });
    const gated = [];
    for (let n = 0; n < SLOTS + WAITING; n += 1) gated.push(await api.enqueue('test:gate', { path, note }));
    await waitFor(() => countNotes(note, 'started') === SLOTS, { describe: `${SLOTS} jobs run` });
    // Here and below, those that are due later may have joined them.
    await waitFor(async () => (await queue.getWaitingCount()) >= WAITING, { describe: 'the others wait in BullMQ' });
    await redis.flushall();

    await waitFor(async () => (await queue.getWaitingCount()) >= WAITING, { describe: 'they wait in BullMQ again' });
    await waitFor(() => work.isPaused(), { describe: 'the paused queue is paused again' });
    writeFileSync(path, '');
    for (const { id } of gated) {
      expect(await api.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
      expect(await api.outcomes(id)).toEqual(['completed']);
    }
    expect(await api.jobEnded(delayed.id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(await api.jobEnded(retrying.id)).toMatchObject({ status: 'completed', attempt: 2 });

    const later = await api.enqueue('test:work', { ms: 0, note });
    expect(readNotes(note)).toEqual(new Map(gated.map(({ id }) => [id, ['started']])));
    expect(await isPaused(api, 'work')).toBe(true);
    await api.call('/v1/queues/work/resume', { method: 'POST' });
    for (const { id } of [paused, later]) expect(await api.jobEnded(id)).toMatchObject({ status: 'completed' });
    expect(await api.outcomes(retrying.id)).toEqual(['retrying', 'completed']);
  });
});
