import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countNotes, readNotes } from '../support/notes.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, openQueue, startOwnRedis } from './setup.ts';

const BEFORE = 6;
const AFTER = 6;

describe('a Redis that goes back to an earlier state, as after a failover', () => {
  it('runs nothing again that has ended since, and loses nothing that it never heard of', async () => {
    const server = await startOwnRedis();
    const settings = { REDIS_URL: server.url, QUEUE_CONCURRENCY: '2' };
    const installation = await install({ transport: 'bullmq', settings });
    const { queue, redis } = openQueue(installation, 'test');
    const note = join(installation.folder, 'note');
    const [first, second] = [installation.nextGate(), installation.nextGate()];
    const api = await installation.start({ MODE: 'api' });
    await installation.start({ MODE: 'worker' });
    const jobs = [];
    for (let n = 0; n < BEFORE; n += 1) jobs.push(await api.enqueue('test:gate', { path: first, note }));
    await waitFor(async () => (await queue.getWaitingCount()) === BEFORE - 2, { describe: 'two run, the others wait' });
    await redis.set('state', 'saved');
    await redis.save(); // this is what it will come back with
    await redis.set('state', 'lost');

    writeFileSync(first, '');
    for (const { id } of jobs) await api.jobEnded(id);
    for (let n = 0; n < AFTER; n += 1) jobs.push(await api.enqueue('test:gate', { path: second, note }));
    await waitFor(() => countNotes(note, 'started') === BEFORE + 2, { describe: 'two of the later ones run' });
    await server.stop('SIGKILL');
    await server.restart();
    expect(await redis.get('state')).toBe('saved');

    writeFileSync(second, '');
    for (const { id } of jobs) {
      expect(await api.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
      expect(await api.outcomes(id)).toEqual(['completed']);
    }
    await waitFor(async () => (await queue.getJobCountByTypes('wait', 'active', 'delayed')) === 0, {
      describe: 'BullMQ holds nothing that has ended',
    });
    expect(readNotes(note)).toEqual(new Map(jobs.map(({ id }) => [id, ['started']])));
  });
});
