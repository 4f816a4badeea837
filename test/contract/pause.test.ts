import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob, setQueuePaused } from '../../src/engine/control.ts';
import { getQueue } from '../../src/engine/overview.ts';
import { defineJob } from '../../src/index.ts';
import { everyone, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('pausing a queue on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('holds its jobs, lets running ones and other queues go on, and resumes', async () => {
    const gate = new Gate();
    const held = defineJob({ type: 'held:job', input: z.int(), run: (n) => (n === 0 ? gate.pass() : undefined) });
    const free = defineJob({ type: 'free:job', input: z.null(), run: () => null });
    const harness = await start([held, free]);
    const worker = await harness.startWorker();
    const running = await harness.enqueue(held, 0);
    await waitFor(() => gate.arrivals === 1, { describe: 'the first job runs' });

    await setQueuePaused(harness.engine, everyone, 'held', true);
    expect(await getQueue(harness.engine, everyone, 'held')).toMatchObject({ isPaused: true, transport });
    const probes = await Promise.all([1, 2, 3].map((n) => harness.enqueue(held, n)));
    const other = await harness.enqueue(free, null);
    await harness.ended(other.id);
    gate.open();
    expect((await harness.ended(running.id)).status).toBe('completed');
    expect(worker.getStats().started).toBe(2);
    expect(await Promise.all(probes.map(async ({ id }) => (await harness.job(id)).status))).toEqual(
      Array(3).fill('queued'),
    );

    await setQueuePaused(harness.engine, everyone, 'held', false);
    await Promise.all(probes.map((job) => harness.ended(job.id)));
    expect(await getQueue(harness.engine, everyone, 'held')).toMatchObject({ isPaused: false });
  });

  it('holds for a worker that starts later, in any process, and delayed jobs too', async () => {
    const ran: string[] = [];
    const held = defineJob({ type: 'held:job', input: z.string(), run: (name) => void ran.push(name) });
    const free = defineJob({ type: 'free:job', input: z.null(), run: () => null });
    const harness = await start([held, free]);
    await setQueuePaused(harness.engine, everyone, 'held', true);
    const now = await harness.enqueue(held, 'now');
    const later = await harness.enqueue(held, 'later', { delayMs: 100 });
    const other = await start([held, free], { beside: harness });
    await other.startWorker();
    await harness.has(later.id, 'queued'); // due, and still held
    const { id } = await harness.enqueue(free, null);
    await harness.ended(id);
    expect(ran).toEqual([]);
    await setQueuePaused(other.engine, everyone, 'held', false);
    await Promise.all([now, later].map((job) => harness.ended(job.id)));
    expect(ran.toSorted()).toEqual(['later', 'now']);
  });

  it('still cancels what it holds', async () => {
    const ran: string[] = [];
    const held = defineJob({ type: 'held:job', input: z.string(), run: (name) => void ran.push(name) });
    const harness = await start([held]);
    await setQueuePaused(harness.engine, everyone, 'held', true);
    await harness.startWorker();

    const gone = await harness.enqueue(held, 'gone');
    const kept = await harness.enqueue(held, 'kept');
    await harness.engine.dispatcher.settled();
    await cancelJob(harness.engine, everyone, gone.id);
    await setQueuePaused(harness.engine, everyone, 'held', false);
    await harness.ended(kept.id);
    expect(ran).toEqual(['kept']);
  });

  it('refuses a queue that does not exist', async () => {
    const harness = await start([defineJob({ type: 'any:job', input: z.null(), run: () => null })]);
    await expect(setQueuePaused(harness.engine, everyone, 'nowhere', true)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
