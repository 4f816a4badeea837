import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob } from '../../src/index.ts';
import { FairTurns } from '../../src/store/fair-turns.ts';
import { useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

describe('jobs that a worker has claimed ahead of its slots', () => {
  const start = useHarnesses('postgres');

  /** So many quick jobs that the worker claims ahead, and behind them some that block its slots. */
  function defineMixed() {
    const gate = new Gate();
    const job = defineJob({
      type: 'mixed:job',
      input: z.enum(['quick', 'blocked']),
      run: async (kind) => {
        if (kind === 'blocked') await gate.pass();
        return kind;
      },
    });
    const inputs = [...Array(600).fill('quick'), ...Array(40).fill('blocked')] as ('quick' | 'blocked')[];
    return { gate, job, inputs };
  }

  it('are given back when the slots stay taken, so that another worker runs them', async () => {
    const { gate, job, inputs } = defineMixed();
    const harness = await start([job]);
    const jobs = await Promise.all(inputs.map((input) => harness.enqueue(job, input)));
    await harness.startWorker({ concurrency: 2 });
    await waitFor(() => gate.arrivals === 2, { describe: 'the slots are taken' });
    await harness.startWorker({ concurrency: 38 });
    await waitFor(() => gate.arrivals === 40, { describe: 'the other worker runs the rest' });
    gate.open();
    const ends = await harness.allEnded(jobs);
    expect(ends.every(({ status, attempt, rescues }) => status === 'completed' && attempt === 1 && rescues === 0)).toBe(
      true,
    );
  });

  it('are given back when the worker stops, and do not count as attempts', async () => {
    const { gate, job, inputs } = defineMixed();
    const harness = await start([job]);
    await Promise.all(inputs.map((input) => harness.enqueue(job, input)));
    const worker = await harness.startWorker({ concurrency: 2, shutdownTimeoutMs: 60_000 });
    await waitFor(() => gate.arrivals === 2, { describe: 'the slots are taken' });
    const stopped = worker.stop();
    gate.open();
    await stopped;
    const left = await harness.sql(`
      select distinct status, attempt, rescues, started_at from longshore.jobs where status <> 'completed'`);
    expect(left).toEqual([{ status: 'queued', attempt: 0, rescues: 0, started_at: null }]);
  });

  it('stay cancelled when they were cancelled meanwhile, and belong to whoever has claimed them since', async () => {
    const noop = defineJob({ type: 'noop:job', input: z.null(), run: () => null });
    const harness = await start([noop], { isFollower: true });
    const { claims } = harness.engine.store;
    const jobs = await Promise.all([1, 2, 3].map(() => harness.enqueue(noop, null)));
    const claim = async (worker: string) => {
      const request = { queue: 'noop', worker, types: ['noop:job'], limit: 3, turns: new FairTurns() };
      return (await claims.claim(request)).jobs;
    };
    const claimed = await claim('w1');
    expect(claimed).toHaveLength(3);
    const [cancelled, rescued, idle] = jobs.map(({ id }) => id);
    await harness.sql(`update longshore.jobs set status = 'cancelled', finished_at = now() where id = $1`, [cancelled]);
    await harness.sql(`update longshore.jobs set status = 'queued', attempt = 0 where id = $1`, [rescued]);
    expect(await claim('w2')).toMatchObject([{ id: rescued, worker: 'w2', fence: 2 }]);
    await claims.giveBack(claimed);
    expect(await harness.job(cancelled ?? '')).toMatchObject({ status: 'cancelled' });
    expect(await harness.job(rescued ?? '')).toMatchObject({ status: 'processing', worker: 'w2', attempt: 1 });
    expect(await harness.job(idle ?? '')).toMatchObject({ status: 'queued', attempt: 0, fence: 1, startedAt: null });
  });
});
