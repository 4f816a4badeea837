import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('stopping a worker on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('lets running jobs finish and takes no more', async () => {
    const gate = new Gate();
    const job = defineJob({
      type: 'slow:job',
      input: z.int(),
      run: async (n) => {
        await gate.pass();
        return n;
      },
    });
    const harness = await start([job]);
    const worker = await harness.startWorker({ concurrency: 2, shutdownTimeoutMs: 60_000 });
    const running = await Promise.all([1, 2].map((n) => harness.enqueue(job, n)));
    await waitFor(() => gate.arrivals === 2, { describe: 'both run' });
    const waiting = await harness.enqueue(job, 3);
    const stopped = worker.stop();
    expect(worker.getHealth().status).toBe('stopping');
    expect(worker.stop()).toBe(stopped); // idempotent
    gate.open();
    await stopped;
    for (const { id } of running) expect(await harness.job(id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(await harness.job(waiting.id)).toMatchObject({ status: 'queued', attempt: 0 });
    expect(worker.getHealth()).toMatchObject({ status: 'stopped', running: 0 });
    expect(await harness.sql('select id from longshore.workers where id = $1', [worker.id])).toEqual([]);
    await harness.startWorker();
    expect(await harness.ended(waiting.id)).toMatchObject({ output: 3 });
  });

  it('aborts what runs longer and puts it back, and another worker completes it', async () => {
    const gates = { obedient: new Gate(), deaf: new Gate() };
    const why: unknown[] = [];
    const late = new Gate();
    const job = defineJob({
      type: 'long:job',
      input: z.enum(['obedient', 'deaf']),
      attempts: 1,
      run: async (kind, ctx) => {
        if (ctx.lastCheckpoint) return `second run of ${kind}`;
        await ctx.checkpoint('was here');
        ctx.signal.addEventListener('abort', () => why.push(ctx.signal.reason));
        await gates[kind].pass(kind === 'obedient' ? ctx.signal : undefined);
        late.open();
        return 'late';
      },
    });
    const harness = await start([job]);
    const worker = await harness.startWorker({ shutdownTimeoutMs: 100 });
    const jobs = await Promise.all((['obedient', 'deaf'] as const).map((kind) => harness.enqueue(job, kind)));
    await waitFor(() => gates.obedient.arrivals + gates.deaf.arrivals === 2, { describe: 'both run' });
    await worker.stop();
    expect(why.map(String)).toEqual(Array(2).fill('AbortError: the run was aborted: shutdown'));
    for (const { id } of jobs) {
      expect(await harness.job(id)).toMatchObject({ status: 'queued', attempt: 0, rescues: 0, output: null });
      expect((await harness.attempts(id)).map(({ attempt, outcome }) => [attempt, outcome])).toEqual([[1, 'put_back']]);
    }
    gates.deaf.open(); // its late return changes nothing
    await late.pass();
    await harness.startWorker();
    const ends = await Promise.all(jobs.map((each) => harness.ended(each.id)));
    expect(ends.map(({ output, attempt, rescues }) => [output, attempt, rescues])).toEqual([
      ['second run of obedient', 1, 0],
      ['second run of deaf', 1, 0],
    ]);
  });

  it('waits for handlers that clean up after they were aborted, while their jobs run elsewhere', async () => {
    const working = new Gate();
    let hasCleaned = false;
    const job = defineJob({
      type: 'tidy:job',
      input: z.null(),
      run: async (_input, ctx) => {
        if (ctx.lastCheckpoint) return 'second run';
        await ctx.checkpoint('was here');
        try {
          await working.pass(ctx.signal);
        } finally {
          await sleep(400); // begins before the second that a stop waits, so it always ends before that
          hasCleaned = true;
        }
      },
    });
    const harness = await start([job]);
    const other = await start([job], { beside: harness });
    const worker = await harness.startWorker({ shutdownTimeoutMs: 1 });
    const { id } = await harness.enqueue(job, null);
    await waitFor(() => working.arrivals === 1, { describe: 'it runs' });
    const stopped = worker.stop();
    await Promise.all([stopped, other.startWorker()]);
    expect(hasCleaned).toBe(true);
    expect(await harness.ended(id)).toMatchObject({ output: 'second run', attempt: 1, rescues: 0 });
  });

  it('loses none of 20 running jobs and repeats none when they end in time', async () => {
    const gate = new Gate();
    const runs: number[] = [];
    const job = defineJob({
      type: 'slow:job',
      input: z.int(),
      run: async (n) => {
        runs.push(n);
        await gate.pass();
      },
    });
    const harness = await start([job]);
    const other = await start([job], { beside: harness });
    const worker = await harness.startWorker({ concurrency: 20, shutdownTimeoutMs: 60_000 });
    const jobs = await Promise.all(Array.from({ length: 30 }, (_, n) => harness.enqueue(job, n)));
    await waitFor(() => gate.arrivals === 20, { describe: '20 run' });
    const stopped = worker.stop();
    await other.startWorker({ concurrency: 20 });
    await waitFor(() => gate.arrivals === 30, { describe: 'the rest runs elsewhere' });
    gate.open();
    await stopped;
    const ends = await harness.allEnded(jobs);
    expect(ends.every((each) => each.status === 'completed' && each.attempt === 1)).toBe(true);
    expect(runs.sort((a, b) => a - b)).toEqual(jobs.map((_, n) => n));
    expect(worker.getStats()).toMatchObject({ started: 20, ended: { completed: 20, put_back: 0 } });
  });

  it('loses none of 20 jobs that have to be put back', async () => {
    const first = new Gate();
    const job = defineJob({
      type: 'slow:job',
      input: z.int(),
      run: async (n, ctx) => {
        if (ctx.lastCheckpoint) return n;
        await ctx.checkpoint(true);
        return first.pass(ctx.signal);
      },
    });
    const harness = await start([job]);
    const worker = await harness.startWorker({ concurrency: 20, shutdownTimeoutMs: 1 });
    const jobs = await Promise.all(Array.from({ length: 20 }, (_, n) => harness.enqueue(job, n)));
    await waitFor(() => first.arrivals === 20, { describe: '20 run' });
    const other = await start([job], { beside: harness });
    await Promise.all([worker.stop(), other.startWorker({ concurrency: 20 })]);
    const ends = await harness.allEnded(jobs);
    expect(ends.map((each) => each.output)).toEqual(jobs.map((_, n) => n));
    expect(ends.every((each) => each.attempt === 1 && each.rescues === 0)).toBe(true);
    expect(worker.getStats().ended).toMatchObject({ put_back: 20 });
  });

  it('is possible before it was started, and twice', async () => {
    const harness = await start([defineJob({ type: 'any:job', input: z.null(), run: () => null })]);
    const worker = await harness.startWorker();
    await Promise.all([worker.stop(), worker.stop()]);
    await worker.stop();
    expect(worker.getHealthReport()).toContain(`worker ${worker.id}: stopped`);
  });
});
