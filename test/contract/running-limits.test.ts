import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob, setQueuePaused } from '../../src/engine/control.ts';
import { freeIdlePlaces } from '../../src/engine/upkeep/free-idle-places.ts';
import { defineJob, definePipeline, snooze } from '../../src/index.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

/** Nothing may depend on a look that comes by itself: what wakes whoever waits for a place is a signal. */
const settings = { POLL_INTERVAL_MS: '60000', DISPATCH_INTERVAL_MS: '60000' };

describe.each<TransportName>(['postgres', 'bullmq'])('a limit of running jobs on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  async function limit(harness: Harness, tenant: string, maxRunning: number | null): Promise<void> {
    await harness.sql(
      `insert into longshore.tenants (name, max_running) values ($1, $2)
       on conflict (name) do update set max_running = excluded.max_running`,
      [tenant, maxRunning],
    );
    harness.engine.signals.publish('limits', [tenant]);
    await waitFor(() => harness.engine.limits.isRunningLimited(tenant) === (maxRunning !== null), {
      describe: 'the limit is known',
    });
  }

  const countInFlight = async (harness: Harness, tenant: string) => {
    const [row] = await harness.sql<{ n: number }>(
      `select count(*)::integer as n from longshore.jobs
       where tenant = $1 and (status = 'processing' or (status = 'queued' and dispatched_at is not null))`,
      [tenant],
    );
    return row?.n ?? 0;
  };

  function defineCounted(type: string) {
    const counts = { running: 0, most: 0 };
    const job = defineJob({
      type,
      input: z.null(),
      concurrency: 20,
      run: async () => {
        counts.running += 1;
        counts.most = Math.max(counts.most, counts.running);
        await new Promise(setImmediate);
        counts.running -= 1;
      },
    });
    return { counts, job };
  }

  it('is never exceeded, over all queues and by many consumers that claim at once', async () => {
    const counted = ['one:job', 'two:job', 'three:job'].map(defineCounted);
    const jobs = counted.map(({ job }) => job);
    const harness = await start(jobs, { settings });
    const others = [await start(jobs, { beside: harness, settings }), await start(jobs, { beside: harness, settings })];
    await limit(harness, 'a', 3);
    for (const other of others)
      await waitFor(() => other.engine.limits.isRunningLimited('a'), { describe: 'others know it' });
    let mostInFlight = 0;
    const looking = { isOver: false };
    const watch = (async () => {
      while (!looking.isOver) mostInFlight = Math.max(mostInFlight, await countInFlight(harness, 'a'));
    })();
    await Promise.all([harness, ...others].map((each) => each.startWorker()));
    const limited = await Promise.all(
      Array.from({ length: 90 }, (_, n) => harness.enqueue(jobs[n % 3] ?? (jobs[0] as never), null, { tenant: 'a' })),
    );
    const free = await Promise.all(Array.from({ length: 30 }, () => others[0]?.enqueue(jobs[0] as never, null)));
    await harness.allEnded([...limited, ...free.flatMap((job) => job ?? [])]);
    looking.isOver = true;
    await watch;
    expect(mostInFlight).toBeLessThanOrEqual(3);
    expect(mostInFlight).toBeGreaterThan(1);
  });

  it('gives a place back when a job fails for now, is snoozed, is cancelled, or waits for its steps', async () => {
    const gate = new Gate();
    const ran: string[] = [];
    const step = defineJob({ type: 'step:job', input: z.null(), run: () => null });
    const pipeline = definePipeline({
      type: 'limited:pipeline',
      input: z.null(),
      run: async (_input, { step: call }) => {
        ran.push('pipeline');
        await call.sleep(600_000);
      },
    });
    const job = defineJob({
      type: 'limited:job',
      input: z.enum(['fails', 'snoozes', 'blocks', 'ends']),
      backoff: { type: 'fixed', delayMs: 600_000 },
      run: async (name, ctx) => {
        ran.push(name);
        if (name === 'fails') throw new Error('not yet');
        if (name === 'snoozes') snooze(600_000);
        if (name === 'blocks') await gate.pass(ctx.signal);
      },
    });
    const harness = await start([job, step, pipeline], { settings });
    await limit(harness, 'a', 1);
    const options = { tenant: 'a' };
    await harness.enqueue(job, 'fails', options);
    await harness.enqueue(job, 'snoozes', options);
    await harness.enqueue(pipeline, null, options);
    await harness.startWorker();
    await waitFor(() => ran.length === 3, { describe: 'each has had its place' });
    const blocks = await harness.enqueue(job, 'blocks', options);
    await waitFor(() => gate.arrivals === 1, { describe: 'the place is taken' });
    const last = await harness.enqueue(job, 'ends', options);
    await cancelJob(harness.engine, everyone, blocks.id);
    await harness.ended(last.id);
    expect(await countInFlight(harness, 'a')).toBe(0);
  });

  it('lets more run as soon as it is raised, and holds up nobody else', async () => {
    const gate = new Gate();
    const job = defineJob({
      type: 'limited:job',
      input: z.string(),
      concurrency: 10,
      run: (_input, ctx) => gate.pass(ctx.signal),
    });
    const quick = defineJob({ type: 'limited:quick', input: z.null(), concurrency: 10, run: () => null });
    const harness = await start([job, quick], { settings });
    await limit(harness, 'a', 1);
    const jobs = await Promise.all(Array.from({ length: 4 }, () => harness.enqueue(job, 'a', { tenant: 'a' })));
    await harness.startWorker();
    await waitFor(() => gate.arrivals === 1, { describe: 'one runs' });
    const other = await harness.enqueue(quick, null, { tenant: 'b' });
    await harness.ended(other.id);
    expect(gate.arrivals).toBe(1);
    await limit(harness, 'a', 3);
    await waitFor(() => gate.arrivals === 3, { describe: 'three run' });
    await limit(harness, 'a', null);
    await waitFor(() => gate.arrivals === 4, { describe: 'all run' });
    gate.open();
    await harness.allEnded(jobs);
  });

  it('is not used up by a queue that stands still', async () => {
    const idle = defineJob({ type: 'idle:job', input: z.null(), run: () => null });
    const served = defineJob({ type: 'served:job', input: z.null(), run: () => null });
    const harness = await start([idle, served], { settings });
    await limit(harness, 'a', 1);
    await setQueuePaused(harness.engine, everyone, 'idle', true);
    await harness.startWorker();
    const waiting = await harness.enqueue(idle, null, { tenant: 'a' });
    const { id } = await harness.enqueue(served, null, { tenant: 'a' });
    await harness.ended(id);
    expect(await harness.job(waiting.id)).toMatchObject({ status: 'queued', dispatchedAt: null });
    await setQueuePaused(harness.engine, everyone, 'idle', false);
    await harness.ended(waiting.id);
  });

  it('gets its places back from a queue that stands still after it was given jobs', async () => {
    const gate = new Gate();
    const idle = defineJob({
      type: 'idle:job',
      input: z.null(),
      concurrency: 1,
      run: (_input, ctx) => gate.pass(ctx.signal),
    });
    const served = defineJob({ type: 'served:job', input: z.null(), run: () => null });
    const harness = await start([idle, served], { settings, isFollower: true });
    await limit(harness, 'a', 1);
    const worker = await harness.startWorker({ queues: ['idle'], shutdownTimeoutMs: 0 });
    await harness.startWorker({ queues: ['served'] });
    await harness.enqueue(idle, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the worker has no slot left' });
    const waiting = await harness.enqueue(idle, null, { tenant: 'a' });
    const isInFlight = () =>
      waitFor(async () => (await countInFlight(harness, 'a')) === 1, { describe: 'BullMQ holds it' });
    const runsElsewhere = async () => {
      const { id } = await harness.enqueue(served, null, { tenant: 'a' });
      await freeIdlePlaces(harness.engine);
      await harness.ended(id);
      expect(await harness.job(waiting.id)).toMatchObject({ status: 'queued', dispatchedAt: null });
    };

    if (transport === 'bullmq') await isInFlight();
    await setQueuePaused(harness.engine, everyone, 'idle', true);
    await runsElsewhere();
    await setQueuePaused(harness.engine, everyone, 'idle', false);
    if (transport === 'bullmq') await isInFlight();
    await worker.stop();
    await runsElsewhere();

    gate.open();
    await harness.startWorker({ queues: ['idle'] });
    harness.engine.dispatcher.wake(); // a worker that comes tells nobody: it is seen with the next look
    await harness.ended(waiting.id);
  });

  it.runIf(transport === 'bullmq')(
    'holds for jobs that arrived in BullMQ although handing them over failed',
    async () => {
      const [blocked, busy] = [new Gate(), new Gate()];
      const first = defineJob({
        type: 'first:job',
        input: z.null(),
        concurrency: 1,
        run: (_input, ctx) => (ctx.job.tenant === 'a' ? null : blocked.pass(ctx.signal)),
      });
      const second = defineJob({ type: 'second:job', input: z.null(), run: (_input, ctx) => busy.pass(ctx.signal) });
      const harness = await start([first, second], { settings, isFollower: true });
      await limit(harness, 'a', 1);
      await harness.startWorker();
      await harness.enqueue(first, null);
      await waitFor(() => blocked.arrivals === 1, { describe: 'the worker has no slot left' });
      const { id } = await harness.enqueue(first, null, { tenant: 'a' });
      await waitFor(async () => (await countInFlight(harness, 'a')) === 1, { describe: 'BullMQ holds it' });
      await harness.engine.dispatcher.settled();
      const next = await harness.enqueue(first, null);
      await harness.engine.store.overview.setPaused('first', true); // BullMQ does not hear of it
      await harness.engine.store.backlog.putBack([await harness.job(id)]);
      const other = await harness.enqueue(second, null, { tenant: 'a' });
      await waitFor(() => busy.arrivals === 1, { describe: 'another has the place' });
      blocked.open();
      await harness.ended(next.id); // which BullMQ has behind it
      expect(await harness.job(id)).toMatchObject({ status: 'queued', dispatchedAt: null });
      busy.open();
      await harness.ended(other.id);
      await setQueuePaused(harness.engine, everyone, 'first', false);
      await harness.ended(id);
    },
  );
});
