import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { setQueuePaused } from '../../src/engine/control.ts';
import { defineJob, snooze } from '../../src/index.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const note = (ran: string[]) => defineJob({ type: 'note:down', input: z.string(), run: (name) => void ran.push(name) });

/** As if the time had come: nothing in the record is younger than that. */
const letExpire = (harness: Harness, id: string) =>
  harness.sql(`update longshore.jobs set expires_at = now() - interval '1 second' where id = $1`, [id]);

describe.each<TransportName>(['postgres', 'bullmq'])('a time to live on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('ends a job that was not started in time, and tells its webhook', async () => {
    const ran: string[] = [];
    const job = note(ran);
    const harness = await start([job]);
    const webhook = { url: 'http://127.0.0.1:9/' };
    const late = await harness.enqueue(job, 'late', { ttlMs: 50, webhook });
    const scheduled = await harness.enqueue(job, 'scheduled', { ttlMs: 50, delayMs: 50 });
    const patient = await harness.enqueue(job, 'patient', { ttlMs: 600_000 });
    expect(late.expiresAt?.getTime()).toBe(late.runAt.getTime() + 50);
    expect(scheduled.expiresAt?.getTime()).toBe(scheduled.createdAt.getTime() + 100);
    expect(await harness.ended(late.id)).toMatchObject({ status: 'expired', attempt: 0, startedAt: null, error: null });
    expect(await harness.ended(scheduled.id)).toMatchObject({ status: 'expired' });
    const deliveries = await harness.engine.store.deliveries.list(late.id, null, 10);
    expect(deliveries.map((each) => each.event)).toEqual(['job.expired']);
    await harness.startWorker();
    await harness.ended(patient.id);
    expect(ran).toEqual(['patient']);
  });

  it('keeps a worker from starting a job that is too late but has not been ended yet', async () => {
    const ran: string[] = [];
    const job = note(ran);
    const harness = await start([job]);
    await setQueuePaused(harness.engine, everyone, 'note', true);
    await harness.startWorker();
    const late = await harness.enqueue(job, 'late', { ttlMs: 600_000 });
    const next = await harness.enqueue(job, 'next');
    await harness.engine.dispatcher.settled();
    await letExpire(harness, late.id);
    await setQueuePaused(harness.engine, everyone, 'note', false);
    await harness.ended(next.id);
    expect(await harness.ended(late.id)).toMatchObject({ status: 'expired', attempt: 0 });
    expect(ran).toEqual(['next']);
  });

  it('means nothing any more once the job has started: it may run, fail and be tried again', async () => {
    const gate = new Gate();
    const job = defineJob({
      type: 'slow:job',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 300 },
      run: async (_input, ctx) => {
        await gate.pass();
        if (ctx.attempt === 1) throw new Error('again');
        return 'in the end';
      },
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null, { ttlMs: 600_000 });
    await waitFor(() => gate.arrivals === 1, { describe: 'the job runs' });
    await letExpire(harness, id);
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'in the end', attempt: 2 });
  });

  it('does not end a job that snoozes', async () => {
    let runs = 0;
    const job = defineJob({
      type: 'sleepy:job',
      input: z.null(),
      run: async () => {
        runs += 1;
        return runs === 1 ? snooze(4000) : 'awake';
      },
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null, { ttlMs: 600_000 });
    await harness.has(id, 'scheduled');
    await letExpire(harness, id);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'awake' });
  });

  it('does not end a job that a shutdown has put back', async () => {
    const gate = new Gate();
    const job = defineJob({
      type: 'long:job',
      input: z.null(),
      run: (_input, ctx) => (ctx.lastCheckpoint ? 'done' : ctx.checkpoint(1).then(() => gate.pass(ctx.signal))),
    });
    const harness = await start([job]);
    const first = await harness.startWorker({ shutdownTimeoutMs: 1 });
    const { id } = await harness.enqueue(job, null, { ttlMs: 600_000 });
    await waitFor(() => gate.arrivals === 1, { describe: 'the job runs' });
    await first.stop();
    expect((await harness.job(id)).status).toBe('queued');
    await letExpire(harness, id);
    // Another job that expires shows that the search has been there.
    const probe = await harness.enqueue(job, null, { ttlMs: 1 });
    await harness.has(probe.id, 'expired');
    expect((await harness.job(id)).status).toBe('queued');
    await harness.startWorker();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'done' });
  });
});
