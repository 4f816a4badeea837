import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { defineJob } from '../../src/index.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const cancel = (harness: Harness, id: string) => cancelJob(harness.engine, everyone, id);

describe.each<TransportName>(['postgres', 'bullmq'])('cancelling on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('ends a queued and a scheduled job, and neither ever runs', async () => {
    const ran: string[] = [];
    const note = defineJob({ type: 'note:down', input: z.string(), run: (name) => void ran.push(name) });
    const harness = await start([note]);
    const queued = await harness.enqueue(note, 'queued');
    const scheduled = await harness.enqueue(note, 'scheduled', { delayMs: 300 });
    await harness.engine.dispatcher.settled();
    expect((await cancel(harness, queued.id)).status).toBe('cancelled');
    expect((await cancel(harness, scheduled.id)).status).toBe('cancelled');
    await harness.startWorker();
    const last = await harness.enqueue(note, 'last', { delayMs: 600 }); // due after the cancelled ones
    await harness.ended(last.id);
    expect(ran).toEqual(['last']);
    expect(await harness.job(queued.id)).toMatchObject({ status: 'cancelled', attempt: 0, startedAt: null });
    expect(await harness.attempts(queued.id)).toEqual([]);
  });

  it('ends a job that waits for its next attempt, keeping its last error', async () => {
    const flaky = defineJob({
      type: 'flaky:job',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 600_000 },
      run: () => {
        throw new Error('not yet');
      },
    });
    const harness = await start([flaky]);
    await harness.startWorker();
    const { id } = await harness.enqueue(flaky, null);
    await harness.has(id, 'retrying');
    if (transport === 'bullmq') {
      const isDelayed = async () => (await harness.queue('flaky').getDelayedCount()) === 1;
      await waitFor(isDelayed, { describe: 'BullMQ has the delivery to wake' });
    }
    expect(await cancel(harness, id)).toMatchObject({ status: 'cancelled', attempt: 1, error: { message: 'not yet' } });
    expect((await harness.attempts(id)).map((each) => each.outcome)).toEqual(['retrying']);
    if (transport === 'bullmq') {
      const isGone = async () => (await harness.queue('flaky').getDelayedCount()) === 0;
      await waitFor(isGone, { describe: 'BullMQ has dropped the delivery' });
    }
  });

  it('aborts a running handler, is final at once, and discards what it returns later', async () => {
    const gate = new Gate();
    let why: unknown;
    const stubborn = defineJob({
      type: 'stubborn:job',
      input: z.null(),
      run: async (_input, ctx) => {
        ctx.signal.addEventListener('abort', () => {
          why = ctx.signal.reason;
        });
        await gate.pass(); // pays no heed to its signal
        return 'too late';
      },
    });
    const harness = await start([stubborn]);
    await harness.startWorker();
    const { id } = await harness.enqueue(stubborn, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the handler runs' });
    expect(await cancel(harness, id)).toMatchObject({ status: 'cancelled', output: null, reason: null });
    await waitFor(() => why, { describe: 'the signal aborts' });
    expect(String(why)).toContain('cancelled');
    gate.open();
    await harness.logged(id, 'a late result was discarded');
    expect(await harness.job(id)).toMatchObject({ status: 'cancelled', output: null, attempt: 1 });
    expect((await harness.attempts(id)).map(({ attempt, outcome }) => [attempt, outcome])).toEqual([[1, 'cancelled']]);
  });

  it('refuses to cancel what has ended or what does not exist', async () => {
    const noop = defineJob({ type: 'noop:job', input: z.null(), run: () => null });
    const harness = await start([noop]);
    await harness.startWorker();
    const { id } = await harness.enqueue(noop, null);
    await harness.ended(id);
    await expect(cancel(harness, id)).rejects.toMatchObject({ code: 'JOB_TERMINAL' });
    await expect(cancel(harness, id)).rejects.toThrow('has already ended as completed');
    await expect(cancel(harness, '01980000-0000-7000-8000-000000000001')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const { id: twice } = await harness.enqueue(noop, null, { delayMs: 60_000 });
    await cancel(harness, twice);
    await expect(cancel(harness, twice)).rejects.toMatchObject({ code: 'JOB_TERMINAL' });
  });

  it('lets exactly one win when a cancel arrives while the job finishes', async () => {
    const returning = Array.from({ length: 100 }, () => Promise.withResolvers<void>());
    const runs: number[] = [];
    const quick = defineJob({
      type: 'quick:job',
      input: z.int(),
      run: (n) => {
        runs.push(n);
        returning[n]?.resolve(); // the cancel and the end of the run are written side by side
        return n;
      },
    });
    const harness = await start([quick]);
    await harness.startWorker({ concurrency: 10 });
    const answers = await Promise.all(
      returning.map(async ({ promise }, n) => {
        const { id } = await harness.enqueue(quick, n);
        await promise;
        const answer = await cancel(harness, id).then(
          () => 'cancelled',
          (error: { code: string }) => error.code,
        );
        return { id, answer };
      }),
    );
    for (const [n, { id, answer }] of answers.entries()) {
      const job = await harness.ended(id);
      expect(answer).toBe(job.status === 'cancelled' ? 'cancelled' : 'JOB_TERMINAL');
      expect(job.output).toBe(job.status === 'completed' ? n : null);
      expect((await harness.attempts(id)).length).toBe(job.status === 'cancelled' ? 1 : 0);
    }
    expect(runs.length).toBe(new Set(runs).size);
  });

  it('aborts a run in another process', async () => {
    const { long, gate, isAborted } = defineLong();
    const harness = await start([long]);
    const other = await start([long], { beside: harness });
    await harness.startWorker({ heartbeatMs: 600_000 }); // only the signal can tell it
    await harness.hears(other);
    const { id } = await other.enqueue(long, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the handler runs' });
    await cancel(other, id);
    await waitFor(isAborted, { describe: 'the signal aborts' });
    expect((await harness.attempts(id)).map((each) => each.outcome)).toEqual(['cancelled']);
  });

  it('aborts a cancelled run by the next heartbeat when the signal was lost', async () => {
    const { long, gate, isAborted } = defineLong();
    const harness = await start([long]);
    await harness.startWorker({ heartbeatMs: 100 });
    const { id } = await harness.enqueue(long, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the handler runs' });
    await harness.sql(`update longshore.jobs set status = 'cancelled', finished_at = now() where id = $1`, [id]);
    await waitFor(isAborted, { describe: 'the signal aborts' });
    expect((await harness.job(id)).status).toBe('cancelled');
  });
});

describe('cancelling a job that BullMQ holds', () => {
  const start = useHarnesses('bullmq');

  it('takes out the delivery that counts, also when the job was handed over anew since it was read', async () => {
    const job = defineJob({ type: 'some:job', input: z.null(), run: () => undefined });
    const harness = await start([job], { settings: { DISPATCH_INTERVAL_MS: '50' } });
    const { id, delivery } = await harness.enqueue(job, null);
    await harness.engine.dispatcher.settled();
    const { drift, transitions } = harness.engine.store;
    const { apply } = transitions;
    transitions.apply = async (changes) => {
      await drift.redeliver([{ id, delivery }]);
      await waitFor(() => harness.queue('some').getJob(`${id}.2`), { describe: 'it is handed over anew' });
      return apply(changes);
    };
    await cancelJob(harness.engine, everyone, id);
    const isGone = async () => (await harness.queue('some').getJob(`${id}.2`)) === undefined;
    await waitFor(isGone, { describe: 'BullMQ has dropped the delivery' }); // a cancel waits for that only for a moment
  });
});

/** A job that runs until its signal aborts. */
function defineLong() {
  const gate = new Gate();
  let hasAborted = false;
  const long = defineJob({
    type: 'long:job',
    input: z.null(),
    run: async (_input, ctx) => {
      ctx.signal.addEventListener('abort', () => {
        hasAborted = true;
      });
      await gate.pass(ctx.signal);
    },
  });
  return { long, gate, isAborted: () => hasAborted };
}
