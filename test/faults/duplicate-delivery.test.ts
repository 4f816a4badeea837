import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, openQueue, receiveWebhooks } from './setup.ts';

const WORKERS = 3;
const JOBS = 60;

describe.each<TransportName>(['postgres', 'bullmq'])('several workers on the %s transport', (transport) => {
  it('that wake for the same jobs run each of them once', async () => {
    const installation = await install({ transport });
    const note = join(installation.folder, 'note');
    const api = await installation.start({ MODE: 'api' });
    await Promise.all(Array.from({ length: WORKERS }, () => installation.start({ MODE: 'worker' })));
    const jobs = await Promise.all(Array.from({ length: JOBS }, () => api.enqueue('test:work', { ms: 5, note })));
    for (const { id } of jobs) await api.jobEnded(id);
    expect(readNotes(note)).toEqual(new Map(jobs.map(({ id }) => [id, ['started', 'ended']])));
  });
});

describe('two deliveries of the same job at once', () => {
  it('of which one is not the newest: it is refused and thrown away, while the other runs', async () => {
    const installation = await install({ transport: 'bullmq' });
    const webhooks = await receiveWebhooks();
    const note = join(installation.folder, 'note');
    const path = installation.nextGate();
    const api = await installation.start({ MODE: 'api' });
    const workers = await Promise.all([1, 2].map(() => installation.start({ MODE: 'worker' })));
    const options = { webhook: { url: `${webhooks.url}/hook` } };
    const { id } = await api.enqueue('test:gate', { path, note }, options);
    await waitFor(() => countNotes(note, 'started') === 1, { describe: 'the first delivery runs' });

    const { queue } = openQueue(installation, 'test');
    const mark = { longshore: { p: 0 } };
    for (const jobId of [`${id}.2`, `${id}.7`]) await queue.add('test:gate', { path, note }, { jobId, ...mark });
    await waitFor(async () => (await queue.getJobCountByTypes('wait', 'active', 'delayed')) === 1, {
      describe: 'only the first delivery is left',
    });
    writeFileSync(path, '');
    expect(await api.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(await api.outcomes(id)).toEqual(['completed']);
    expect(countNotes(note, 'started')).toBe(1);
    expect(await webhooks.waitForRequests('/hook', 1)).toHaveLength(1);
    for (const worker of workers) await worker.stop();
    expect(webhooks.received).toHaveLength(1);
  });

  it('which are the same one, offered twice: the record takes one end and sends one webhook', async () => {
    const installation = await install({ transport: 'bullmq', settings: { QUEUE_CONCURRENCY: '1' } });
    const webhooks = await receiveWebhooks();
    const note = join(installation.folder, 'note');
    const path = installation.nextGate();
    const api = await installation.start({ MODE: 'api' });
    const workers = await Promise.all([1, 2].map(() => installation.start({ MODE: 'worker' })));
    const options = { webhook: { url: `${webhooks.url}/hook` } };
    const { id } = await api.enqueue('test:gate', { path, note }, options);
    await waitFor(() => countNotes(note, 'started') === 1, { describe: 'the delivery runs' });

    const { queue, redis } = openQueue(installation, 'test');
    await redis.lpush(queue.toKey('wait'), id); // what a failover to an older replica makes of a queue
    await redis.zadd(queue.toKey('marker'), 0, '0'); // wakes the worker that is idle
    await waitFor(async () => (await queue.getWaitingCount()) === 0, { describe: 'it was taken again' });
    writeFileSync(path, '');
    expect(await api.jobEnded(id)).toMatchObject({ status: 'completed', output: 'passed', attempt: 1 });
    const ended = await api.job(id);
    for (const worker of workers) expect((await worker.stop()).code).toBe(0);
    expect(await api.job(id)).toEqual(ended);
    expect((await api.outcomes(id)).filter((outcome) => outcome !== 'worker_lost')).toEqual(['completed']);
    await webhooks.waitForRequests('/hook', 1);
    expect(webhooks.received).toHaveLength(1);
  });
});
