import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, defineQueue } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('side by side on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('never runs more jobs of a queue at once than its concurrency', async () => {
    let running = 0;
    let most = 0;
    const narrow = defineJob({
      type: 'narrow:job',
      input: z.int(),
      concurrency: 3,
      run: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise(setImmediate);
        running -= 1;
      },
    });
    const harness = await start([narrow]);
    const worker = await harness.startWorker({ concurrency: 50 });
    const jobs = await Promise.all(Array.from({ length: 40 }, (_, n) => harness.enqueue(narrow, n)));
    await harness.allEnded(jobs);
    expect(most).toBeLessThanOrEqual(3);
    expect(worker.getHealth().queues).toContainEqual(expect.objectContaining({ name: 'narrow', concurrency: 3 }));
  });

  it('begins no job of a queue of one before the end of the last is recorded', async () => {
    const handled: string[] = [];
    const unrecorded: unknown[] = [];
    const serial = defineJob({
      type: 'serial:job',
      input: z.int(),
      concurrency: 1,
      run: async (_input, ctx) => {
        const open = `select id from longshore.jobs where id = any($1::uuid[]) and status <> 'completed'`;
        unrecorded.push(...(await harness.sql(open, [handled])));
        handled.push(ctx.job.id);
      },
    });
    const harness = await start([serial]);
    await harness.startWorker();
    const jobs = await Promise.all(Array.from({ length: 20 }, (_, n) => harness.enqueue(serial, n)));
    await harness.allEnded(jobs);
    expect(handled).toHaveLength(20);
    expect(unrecorded).toEqual([]);
  });

  it('fills every slot, and one queue does not take the slots of another', async () => {
    const gate = new Gate();
    const blocked = defineJob({ type: 'blocked:job', input: z.int(), concurrency: 4, run: () => gate.pass() });
    const free = defineJob({ type: 'free:job', input: z.null(), run: () => 'ran' });
    const harness = await start([blocked, free]);
    const worker = await harness.startWorker();
    const jobs = await Promise.all(Array.from({ length: 6 }, (_, n) => harness.enqueue(blocked, n)));
    await waitFor(() => gate.arrivals === 4, { describe: 'four jobs run' });
    const { id } = await harness.enqueue(free, null);
    expect(await harness.ended(id)).toMatchObject({ output: 'ran' });
    expect(gate.arrivals).toBe(4);
    expect(worker.getStats().running.length).toBe(4);
    expect(worker.getHealthReport()).toContain(`blocked (${transport}): 4 of 4 slots in use`);
    gate.open();
    await Promise.all(jobs.map((job) => harness.ended(job.id)));
    await waitFor(() => worker.getStats().ended.completed === 7, { describe: 'all are counted' });
  });

  it('runs each of 200 jobs once when two workers in two processes share a queue', async () => {
    const runs = new Map<number, number>();
    const count = defineJob({
      type: 'count:job',
      input: z.int(),
      run: async (n) => {
        runs.set(n, (runs.get(n) ?? 0) + 1);
        await new Promise(setImmediate);
      },
    });
    const harness = await start([count]);
    const other = await start([count], { beside: harness });
    const workers = await Promise.all([
      harness.startWorker({ concurrency: 10 }),
      other.startWorker({ concurrency: 10 }),
    ]);
    const numbers = Array.from({ length: 200 }, (_, n) => n);
    const jobs = await Promise.all(numbers.map((n) => (n % 2 ? harness : other).enqueue(count, n)));
    const ends = await harness.allEnded(jobs);
    expect(ends.every((job) => job.status === 'completed' && job.attempt === 1 && job.rescues === 0)).toBe(true);
    expect([...runs.keys()].sort((a, b) => a - b)).toEqual(numbers);
    expect([...runs.values()].every((times) => times === 1)).toBe(true);
    expect(workers.map((worker) => worker.getStats().started).reduce((a, b) => a + b)).toBe(200);
  });

  it('lets no more jobs of a rate-limited queue start than its limit, over two workers together', async () => {
    const max = 4;
    const durationMs = 400;
    const limited = defineJob({
      type: 'limited:job',
      input: z.int(),
      queue: defineQueue({ name: 'limited', rateLimit: { max, durationMs }, concurrency: 10 }),
      run: () => null,
    });
    const harness = await start([limited]);
    const other = await start([limited], { beside: harness });
    const jobs = await Promise.all(Array.from({ length: 14 }, (_, n) => harness.enqueue(limited, n)));
    await harness.engine.dispatcher.settled();
    const [{ now } = { now: 0 }] = await harness.sql<{ now: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
    );
    await Promise.all([harness.startWorker(), other.startWorker()]);
    const ends = await Promise.all(jobs.map((job) => harness.ended(job.id)));
    const starts = ends.map((job) => job.startedAt?.getTime() ?? Number.NaN).sort((a, b) => a - b);
    // Windows follow each other, each as long as the duration, the first not before `now`. A start is recorded after it was
    // allowed. So the nth start cannot be earlier than the begin of the window that the nth permission can belong to.
    for (const [index, startedAt] of starts.entries()) {
      const window = Math.floor(index / max);
      expect(startedAt - now).toBeGreaterThanOrEqual(window * durationMs - 2); // 2 ms: both clocks are rounded
    }
  });
});

describe('the tokens of a rate limit on the postgres transport', () => {
  const start = useHarnesses('postgres');

  it('count within their own window: those that are given back late add nothing to the next', async () => {
    const harness = await start([]);
    const { claims, overview } = harness.engine.store;
    await overview.ensureQueue('limited');
    const take = (wanted: number) => claims.takeRateTokens('limited', wanted, 5, 60_000);
    const first = await take(4);
    expect(first).toMatchObject({ granted: 4 });
    expect(await take(4)).toMatchObject({ granted: 1 });
    expect(await take(4)).toMatchObject({ granted: 0 });
    await claims.returnRateTokens('limited', first.window, 2);
    expect(await take(4)).toMatchObject({ granted: 2 });

    await harness.sql(`update longshore.queues set rate_window_start = now() - interval '1 hour'`); // it has ended
    expect(await take(3)).toMatchObject({ granted: 3 });
    await claims.returnRateTokens('limited', first.window, 2);
    const { granted, retryInMs } = await take(4);
    expect(granted).toBe(2);
    expect(retryInMs).toBeGreaterThan(0);
    expect(retryInMs).toBeLessThanOrEqual(60_000);
  });
});
