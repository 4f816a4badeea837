import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { rescueLostRuns } from '../../src/engine/upkeep/rescue.ts';
import { createGateSweep } from '../../src/engine/upkeep/sweep-gates.ts';
import { defineJob, definePipeline, snooze } from '../../src/index.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('jobs with a concurrency key on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  /** A job that notes how many of its key run side by side. */
  function defineCounted(more: { concurrencyPerKey?: number; attempts?: number } = {}) {
    const running = new Map<string, number>();
    const most = new Map<string, number>();
    const job = defineJob({
      type: 'keyed:job',
      input: z.string(),
      concurrency: 20,
      ...more,
      run: async (key, ctx) => {
        const name = `${ctx.job.tenant} ${key}`;
        running.set(name, (running.get(name) ?? 0) + 1);
        most.set(name, Math.max(most.get(name) ?? 0, running.get(name) ?? 0));
        await new Promise(setImmediate);
        running.set(name, (running.get(name) ?? 0) - 1);
      },
    });
    return { job, most };
  }

  /** A job that waits for its gate. */
  function defineBlocked(concurrencyPerKey = 1) {
    const gate = new Gate();
    const ran: string[] = [];
    const job = defineJob({
      type: 'blocked:job',
      input: z.string(),
      concurrency: 20,
      concurrencyPerKey,
      run: async (name, ctx) => {
        ran.push(name);
        await gate.pass(ctx.signal);
      },
    });
    return { gate, ran, job };
  }

  const isOpen = (harness: Harness, id: string) =>
    waitFor(async () => (await harness.job(id)).gate === null, { describe: `job ${id} has its turn` });

  it('run one at a time, each key of each tenant by itself, over all workers', async () => {
    const { job, most } = defineCounted();
    const harness = await start([job]);
    const other = await start([job], { beside: harness });
    await Promise.all([harness.startWorker(), other.startWorker()]);
    const jobs = await Promise.all(
      Array.from({ length: 60 }, (_, n) => {
        const options = { concurrencyKey: `key ${n % 3}`, tenant: n % 2 ? 'a' : 'b' };
        return (n % 4 ? harness : other).enqueue(job, options.concurrencyKey, options);
      }),
    );
    const ends = await harness.allEnded(jobs);
    expect(ends.every(({ status, gate }) => status === 'completed' && gate === null)).toBe(true);
    expect(most.size).toBe(6);
    expect([...most.values()].every((count) => count === 1)).toBe(true);
  });

  it('run as many at once as their queue allows for a key, by priority', async () => {
    const { gate, ran, job } = defineBlocked(3);
    const harness = await start([job]);
    await harness.startWorker();
    const enqueue = (name: string, priority = 0) => harness.enqueue(job, name, { concurrencyKey: 'one', priority });
    const first = [await enqueue('first'), await enqueue('second'), await enqueue('third')];
    await waitFor(() => gate.arrivals === 3, { describe: 'three run' });
    const later = [await enqueue('low', -1), await enqueue('high', 1)];
    const free = await harness.enqueue(job, 'free');
    await waitFor(() => gate.arrivals === 4, { describe: 'one without a key runs beside them' });
    expect(ran.slice(0, 4).sort()).toEqual(['first', 'free', 'second', 'third']);
    await cancelJob(harness.engine, everyone, first[0]?.id ?? '');
    await waitFor(() => ran.length === 5, { describe: 'one takes the place of the cancelled one' });
    expect(ran.at(-1)).toBe('high');
    gate.open();
    await harness.allEnded([...first, ...later, free]);
    expect(ran).toHaveLength(6);
  });

  it('give up their turn while they wait for another attempt or are snoozed', async () => {
    const ran: string[] = [];
    const job = defineJob({
      type: 'keyed:job',
      input: z.string(),
      backoff: { type: 'fixed', delayMs: 600_000 },
      run: (name) => {
        ran.push(name);
        if (name === 'fails') throw new Error('not yet');
        if (name === 'snoozes') snooze(600_000);
      },
    });
    const harness = await start([job]);
    const jobs = [];
    for (const name of ['fails', 'snoozes', 'runs'])
      jobs.push(await harness.enqueue(job, name, { concurrencyKey: 'k' }));
    await harness.startWorker();
    const [fails, snoozes, runs] = jobs.map(({ id }) => id) as [string, string, string];
    await harness.ended(runs);
    expect(ran).toEqual(['fails', 'snoozes', 'runs']);
    expect(await harness.job(fails)).toMatchObject({ status: 'retrying', gate: 'concurrency_key', dispatchedAt: null });
    expect(await harness.job(snoozes)).toMatchObject({
      status: 'scheduled',
      gate: 'concurrency_key',
      dispatchedAt: null,
    });
    await harness.sql('update longshore.jobs set run_at = now() where id = $1', [fails]);
    harness.engine.dispatcher.wake();
    await waitFor(() => ran.length === 4, { describe: 'it runs again when its time has come' });
  });

  it('pass their turn on when they end without having run', async () => {
    const { gate, ran, job } = defineBlocked();
    const harness = await start([job]);
    const enqueue = async (name: string, ttlMs?: number) =>
      (await harness.enqueue(job, name, { concurrencyKey: 'k', ...(ttlMs ? { ttlMs } : {}) })).id;
    const open = await enqueue('open');
    await isOpen(harness, open);
    const cancelled = await enqueue('cancelled');
    const expired = await enqueue('expired', 1);
    const last = await enqueue('last');
    await cancelJob(harness.engine, everyone, cancelled); // one that waits leaves no trace
    expect(await harness.job(cancelled)).toMatchObject({ status: 'cancelled', gate: null });
    expect(await harness.ended(expired)).toMatchObject({ status: 'expired' });
    await cancelJob(harness.engine, everyone, open);
    await harness.startWorker();
    gate.open();
    await harness.ended(last);
    expect(ran).toEqual(['last']);
  });

  it('wait for their turn again when they are retried', async () => {
    const { gate, ran, job } = defineBlocked();
    const harness = await start([job]);
    const { id } = await harness.enqueue(job, 'retried', { concurrencyKey: 'k' });
    await cancelJob(harness.engine, everyone, id);
    await harness.startWorker();
    const other = await harness.enqueue(job, 'other', { concurrencyKey: 'k' });
    await waitFor(() => gate.arrivals === 1, { describe: 'another has the turn' });
    await retryJob(harness.engine, everyone, id);
    expect(await harness.job(id)).toMatchObject({ status: 'queued', gate: 'concurrency_key' });
    gate.open();
    await Promise.all([harness.ended(id), harness.ended(other.id)]);
    expect(ran).toEqual(['other', 'retried']);
  });

  it('keep their turn when their worker is lost, and run again before the others', async () => {
    const { gate, ran, job } = defineBlocked();
    const harness = await start([job], { isFollower: true });
    const first = await harness.enqueue(job, 'first', { concurrencyKey: 'k' });
    await isOpen(harness, first.id);
    const second = await harness.enqueue(job, 'second', { concurrencyKey: 'k', priority: 9 });
    await harness.sql(
      `update longshore.jobs set status = 'processing', worker = 'gone', started_at = now(), attempt = 1, fence = fence + 1
       where id = $1`,
      [first.id],
    );
    expect(await rescueLostRuns(harness.engine, 10)).toBe(1);
    await harness.startWorker();
    gate.open();
    await harness.allEnded([first, second]);
    expect(ran).toEqual(['first', 'second']);
  });

  it('are found by the leader when nobody gave them their turn', async () => {
    const { gate, ran, job } = defineBlocked();
    const harness = await start([job], { isFollower: true });
    await harness.startWorker();
    gate.open();
    await harness.sql(
      `insert into longshore.jobs (id, tenant, type, queue, status, input, max_attempts, timeout_ms, concurrency_key, gate)
       select uuidv7(), 'default', 'blocked:job', 'blocked', 'queued', to_jsonb('left ' || n), 3, 60000, 'key ' || n, 'concurrency_key'
       from generate_series(1, 600) n`,
    );
    const sweep = createGateSweep(harness.engine);
    expect(await sweep()).toBe(0); // a page of 500
    expect(await sweep()).toBeGreaterThan(0);
    await waitFor(() => ran.length === 600, { describe: 'all have run' });
  });

  it('hold up steps of a pipeline, and a pipeline that waits for its steps holds up nobody', async () => {
    const { job, most } = defineCounted();
    const pipeline = definePipeline({
      type: 'piped:job',
      input: z.string(),
      run: (key, { step }) => step.all(job, [key, key, key], { concurrencyKey: key }),
    });
    const harness = await start([job, pipeline]);
    await harness.startWorker();
    const jobs = await Promise.all(
      [1, 2, 3].map(() => harness.enqueue(pipeline, 'shared', { concurrencyKey: 'pipelines' })),
    );
    const ends = await harness.allEnded(jobs);
    expect(ends.every(({ status }) => status === 'completed')).toBe(true);
    expect(most).toEqual(new Map([['default shared', 1]]));
  });
});

describe.each<TransportName>(['postgres', 'bullmq'])('a rate limit per key on the %s transport', (transport) => {
  const start = useHarnesses(transport);
  const rate = { max: 2, durationMs: 400 };
  const job = defineJob({
    type: 'rated:job',
    input: z.null(),
    concurrency: 20,
    concurrencyPerKey: 20,
    rateLimitPerKey: rate,
    run: () => null,
  });

  it('lets no more jobs of a key start within a window than it says, over two workers together', async () => {
    const harness = await start([job]);
    const other = await start([job], { beside: harness });
    await Promise.all([harness.startWorker(), other.startWorker()]);
    const enqueue = (concurrencyKey: string, count: number) =>
      Promise.all(Array.from({ length: count }, () => harness.enqueue(job, null, { concurrencyKey })));
    const [one, two] = await Promise.all([enqueue('one', 7), enqueue('two', 5)]);
    const free = await harness.enqueue(job, null);
    for (const jobs of [one, two]) {
      const ends = await harness.allEnded(jobs);
      const starts = ends.map(({ startedAt }) => startedAt?.getTime() ?? Number.NaN).sort((a, b) => a - b);
      // Windows begin with a start, so that as many starts as fill one are followed by none until it is over.
      for (const [index, at] of starts.entries()) {
        const before = starts[index - rate.max * 2] ?? -Infinity;
        expect(at - before).toBeGreaterThanOrEqual(rate.durationMs - 2); // 2 ms: times are rounded
      }
      const windows = Math.ceil(jobs.length / rate.max);
      expect((starts.at(-1) ?? 0) - (starts[0] ?? 0)).toBeGreaterThanOrEqual((windows - 1) * rate.durationMs - 2);
    }
    expect(await harness.ended(free.id)).toMatchObject({ status: 'completed' });
  });

  it('holds over a restart of everything', async () => {
    const slow = { ...job, queue: { ...job.queue, rateLimitPerKey: { max: 1, durationMs: 3_600_000 } } };
    const harness = await start([slow]);
    const worker = await harness.startWorker();
    const first = await harness.enqueue(slow, null, { concurrencyKey: 'k' });
    await harness.ended(first.id);
    await worker.stop();
    const next = await start([slow], { beside: harness });
    await next.startWorker();
    const second = await next.enqueue(slow, null, { concurrencyKey: 'k' });
    await waitFor(async () => (await next.job(second.id)).gate === 'rate_limit', {
      describe: 'it waits for the window',
    });
    await next.sql('update longshore.rate_windows set ends_at = now()');
    await createGateSweep(next.engine)();
    await next.ended(second.id);
  });

  it('holds for runs that are put back: by a worker that stops, and for one that is lost', async () => {
    const gate = new Gate();
    const slow = {
      ...job,
      queue: { ...job.queue, rateLimitPerKey: { max: 1, durationMs: 3_600_000 } },
      run: (_input: null, ctx: { signal: AbortSignal }) => gate.pass(ctx.signal),
    };
    const harness = await start([slow], { isFollower: true });
    const worker = await harness.startWorker({ shutdownTimeoutMs: 0 });
    const { id } = await harness.enqueue(slow, null, { concurrencyKey: 'k' });
    const waitsForWindow = () =>
      waitFor(async () => (await harness.job(id)).gate === 'rate_limit', { describe: 'it waits for the next window' });
    const endWindow = async () => {
      await harness.sql('update longshore.rate_windows set ends_at = now()');
      await createGateSweep(harness.engine)();
    };

    await waitFor(() => gate.arrivals === 1, { describe: 'it runs' });
    await worker.stop();
    await waitsForWindow();
    expect(await harness.job(id)).toMatchObject({ status: 'queued', attempt: 0, dispatchedAt: null });

    const next = await harness.startWorker();
    await endWindow();
    await waitFor(() => gate.arrivals === 2, { describe: 'it runs again' });
    await harness.sql(`update longshore.jobs set worker = 'gone' where id = $1`, [id]);
    expect(await rescueLostRuns(harness.engine, 10)).toBe(1);
    await waitsForWindow();
    await endWindow();
    await waitFor(() => gate.arrivals === 3, { describe: 'it runs once more' });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed' });
    await next.stop();
  });
});
