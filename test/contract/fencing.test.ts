import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { fenceOf } from '../../src/store/fence.ts';
import type { JobRow } from '../../src/store/job-row.ts';
import type { Transition } from '../../src/store/transitions.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

/** What a run of this job writes at its end. */
function endOf(job: JobRow, fence: number, to: Transition['to'], more: Partial<Transition> = {}): Transition {
  return {
    id: job.id,
    from: ['processing'],
    fence,
    to,
    reason: null,
    output: to === 'completed' ? '"stale"' : null,
    error: null,
    delayMs: null,
    isParked: false,
    fingerprint: null,
    attemptsBack: 0,
    outcome: null,
    webhook: null,
    ...more,
  };
}

const entry = {
  id: '01980000-0000-7000-8000-000000000009',
  event: 'job.completed',
  url: 'http://127.0.0.1:9',
  body: '{}',
};

/** A worker that is alive, so that nobody rescues its runs. */
const enrol = (harness: Harness, id: string) =>
  harness.engine.store.workers.heartbeat(
    {
      id,
      host: 'h',
      pid: 1,
      version: '0',
      queues: ['noop'],
      concurrency: 1,
      running: 0,
      leaseMs: 60_000,
    },
    10_000,
  );

describe.each<TransportName>(['postgres', 'bullmq'])('a fence on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('grows with every run of a job', async () => {
    const fences: number[] = [];
    const harness = await start([
      defineJob({
        type: 'fenced:job',
        input: z.null(),
        attempts: 4,
        backoff: { type: 'fixed', delayMs: 10 },
        run: async (_input, ctx) => {
          fences.push((await harness.job(ctx.job.id)).fence);
          if (ctx.attempt < 4) throw new Error('again');
        },
      }),
    ]);
    await harness.startWorker();
    const job = await harness.enqueue(
      [...harness.engine.registry.definitions.values()].find(({ type }) => type === 'fenced:job') as never,
      null,
    );
    expect(job.fence).toBe(0);
    await harness.ended(job.id);
    expect(fences).toHaveLength(4);
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect(fences[0]).toBeGreaterThan(0);
  });

  it('keeps an older run from changing a newer one, its end, or a webhook', async () => {
    const gates = [new Gate(), new Gate()];
    const job = defineJob({
      type: 'fenced:job',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 10 },
      run: async (_input, ctx) => {
        await gates[ctx.attempt - 1]?.pass();
        if (ctx.attempt === 1) throw new Error('again');
        return 'newest';
      },
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    await waitFor(() => gates[0]?.arrivals, { describe: 'the first run' });
    const first = await harness.job(id);
    gates[0]?.open();
    await waitFor(() => gates[1]?.arrivals, { describe: 'the second run' });
    const second = await harness.job(id);
    expect(second.fence).toBeGreaterThan(first.fence);

    const { transitions, journal } = harness.engine.store;
    const stale = [
      endOf(first, first.fence, 'completed', { webhook: entry }),
      endOf(first, first.fence, 'retrying', { delayMs: 0, outcome: 'retrying' }),
      endOf(first, first.fence, 'queued', { attemptsBack: 1, outcome: 'put_back' }),
    ];
    for (const transition of stale) expect(await transitions.apply([transition])).toEqual([]);
    const report = { jobId: id, fence: first.fence, seq: 5, percent: 77, message: 'stale' };
    await journal.saveProgress([report]);
    expect(await harness.job(id)).toEqual(second);

    gates[1]?.open();
    const ended = await harness.ended(id);
    expect(ended).toMatchObject({ status: 'completed', output: 'newest', attempt: 2 });
    for (const fence of [first.fence, second.fence]) {
      expect(await transitions.apply([endOf(second, fence, 'failed', { outcome: 'failed' })])).toEqual([]);
    }
    expect(await harness.job(id)).toEqual(ended);
    expect(await harness.attempts(id)).toHaveLength(1);
    expect(await harness.engine.store.deliveries.list(id, null, 10)).toEqual([]);
  });

  it('lets a run start once only, none while the worker of another lives, and none when the job has ended', async () => {
    const noop = defineJob({ type: 'noop:job', input: z.null(), run: () => null });
    const harness = await start([noop], { isFollower: true }); // a leader rescues too
    const { transitions } = harness.engine.store;
    const startRun = async (fence: number, worker: string) => (await transitions.start([{ id, fence, worker }]))[0];
    await Promise.all(['w1', 'w2', 'w3'].map((worker) => enrol(harness, worker)));
    const { id } = await harness.enqueue(noop, null);
    const starts = await Promise.all([1, 1, 1].map((fence) => startRun(fenceOf(1, 700 + fence), 'w1')));
    expect(starts.filter((row) => row?.attempt === 1 && row.rescues === 0)).toHaveLength(starts.filter(Boolean).length);
    expect(await startRun(fenceOf(1, 600), 'w2')).toBeUndefined();
    expect(await startRun(fenceOf(1, 702), 'w2')).toBeUndefined();
    await harness.sql(`update longshore.workers set heartbeat_at = now() - interval '1 hour' where id = 'w1'`);
    const newer = await startRun(fenceOf(1, 702), 'w2');
    expect(newer).toMatchObject({ worker: 'w2', attempt: 1, rescues: 1, status: 'processing' });
    const [applied] = newer ? await transitions.apply([endOf(newer, newer.fence, 'completed')]) : [];
    expect(applied).toMatchObject({ fromStatus: 'processing', status: 'completed' });
    expect(await startRun(fenceOf(1, 703), 'w3')).toBeUndefined();
    expect((await harness.attempts(id)).map(({ outcome, worker }) => [outcome, worker])).toEqual([
      ['worker_lost', 'w1'],
    ]);
  });

  it('lets one of many ends win, in one statement or in several', async () => {
    const noop = defineJob({ type: 'noop:job', input: z.null(), run: () => null });
    const harness = await start([noop]);
    const { transitions } = harness.engine.store;
    await enrol(harness, 'w1');
    const jobs = await Promise.all([1, 2, 3].map(() => harness.enqueue(noop, null)));
    const rows = await transitions.start(jobs.map(({ id }) => ({ id, fence: fenceOf(1, 800), worker: 'w1' })));
    const ends = rows.map((row) => endOf(row, row.fence, 'completed'));
    const all = await Promise.all([
      transitions.apply(ends),
      transitions.apply([...ends].reverse()),
      transitions.apply(ends),
    ]);
    expect(
      all
        .flat()
        .map((each) => each.id)
        .sort(),
    ).toEqual(jobs.map((job) => job.id).sort());
  });
});

describe('a run that BullMQ gives a second time to the worker that has it', () => {
  const start = useHarnesses('bullmq');

  it('is not begun again: Redis had gone back to an earlier state', async () => {
    const gate = new Gate();
    const job = defineJob({ type: 'some:gate', input: z.null(), concurrency: 2, run: () => gate.pass() });
    const other = defineJob({ type: 'some:other', input: z.null(), concurrency: 2, run: () => undefined });
    const harness = await start([job, other]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'it runs' });
    const key = `${harness.prefix}:some`;
    await harness.redis
      .multi()
      .del(`${key}:${id}:lock`)
      .lrem(`${key}:active`, 0, id)
      .hset(`${key}:${id}`, 'ats', 0)
      .rpush(`${key}:wait`, id)
      .exec();
    await harness.ended((await harness.enqueue(other, null)).id); // came behind it
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', attempt: 1, rescues: 0 });
    expect(gate.arrivals).toBe(1);
  });
});
