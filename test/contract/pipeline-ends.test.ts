import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type BulkActionName, bulkActionRequestSchema } from '../../src/contract/bulk-actions.ts';
import type { JobEvent } from '../../src/contract/job.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { createBulkAction, requireBulkAction } from '../../src/engine/bulk-actions.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { streamEvents } from '../../src/engine/events.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { defineJob, definePipeline, StepError } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';
import { childrenEnded, childrenOf } from './pipeline-record.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('the end of a pipeline on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  /** A ship of decks of cabins; a cabin ends when the gate is open, and fails when it is broken. */
  function makeShip() {
    const gate = new Gate();
    const broken = new Set<number>();
    const aborted: number[] = [];
    const cabin = defineJob({
      type: 'ship:cabin',
      input: z.number(),
      output: z.number(),
      attempts: 1,
      async run(n, { signal }) {
        signal.addEventListener('abort', () => signal.reason.why === 'cancelled' && aborted.push(n), { once: true });
        if (broken.has(n)) throw new Error(`cabin ${n} is broken`);
        await gate.pass(signal);
        return n;
      },
    });
    const deck = definePipeline({
      type: 'ship:deck',
      input: z.array(z.number()),
      output: z.array(z.number()),
      run: (cabins, { step }) => step.all(cabin, cabins),
    });
    const ship = definePipeline({
      type: 'ship:ship',
      input: z.array(z.array(z.number())),
      output: z.array(z.array(z.number())),
      run: (decks, { step }) => step.all(deck, decks),
    });
    /** Goes on without what fails. */
    const raft = definePipeline({
      type: 'ship:raft',
      input: z.array(z.number()),
      output: z.unknown(),
      async run(cabins, { step }) {
        try {
          return await step.all(cabin, cabins);
        } catch (error) {
          if (!(error instanceof StepError)) throw error;
          const { status, reason, type } = error;
          return { status, reason, type, after: await step(cabin, 100) };
        }
      },
    });
    return { gate, broken, aborted, jobs: [cabin, deck, ship, raft], cabin, deck, ship, raft };
  }

  const has = (harness: Harness, status: string, count: number) =>
    waitFor(
      async () => (await harness.sql('select 1 from longshore.jobs where status = $1', [status])).length === count,
      { describe: `${count} jobs are ${status}` },
    );
  const countAll = (harness: Harness) =>
    harness.sql<{ type: string; status: string; n: number }>(
      'select type, status, count(*)::integer as n from longshore.jobs group by 1, 2 order by 1, 2',
    );

  async function act(harness: Harness, action: BulkActionName, filter: object): Promise<void> {
    const order = bulkActionRequestSchema.parse({ action, filter });
    const { id } = await createBulkAction(harness.engine, everyone, order, createId());
    const isDone = async () => (await requireBulkAction(harness.engine, everyone, id)).status === 'completed';
    await waitFor(isDone, { describe: `the bulk ${action} is done` });
  }

  async function eventsOf(harness: Harness, id: string): Promise<JobEvent[]> {
    const events = [];
    for await (const event of streamEvents(harness.engine, everyone, id, 0, new AbortController().signal))
      events.push(event);
    return events;
  }

  it('by a cancel is that of everything below it, and of nothing else', async () => {
    const { gate, aborted, jobs, ship } = makeShip();
    const harness = await start(jobs);
    await harness.startWorker();
    const doomed = await harness.enqueue(ship, [[1, 2], [3]]);
    const other = await harness.enqueue(ship, [[4]]);
    await waitFor(() => gate.arrivals === 4, { describe: 'all cabins run' });
    await cancelJob(harness.engine, everyone, doomed.id);
    await has(harness, 'cancelled', 6);
    await waitFor(() => aborted.length === 3, { describe: 'the cabins are aborted' });
    gate.open();
    expect(await harness.ended(other.id)).toMatchObject({ status: 'completed', output: [[4]] });
    expect(aborted.sort()).toEqual([1, 2, 3]);
    expect(await harness.job(doomed.id)).toMatchObject({ status: 'cancelled', output: null });
  });

  it('in the middle is an error in the pipeline above, and takes its siblings with it', async () => {
    const { gate, jobs, ship } = makeShip();
    const harness = await start(jobs);
    await harness.startWorker();
    const { id } = await harness.enqueue(ship, [[1, 2], [3]]);
    await waitFor(() => gate.arrivals === 3, { describe: 'all cabins run' });
    const [first] = await childrenOf(harness, id);
    await cancelJob(harness.engine, everyone, first?.id ?? '');
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      reason: 'step_failed',
      error: { name: 'StepError', message: 'step "ship:deck#1[0]" ended as cancelled' },
    });
    await has(harness, 'cancelled', 5);
  });

  it('can be averted by catching the cancel of a step', async () => {
    const { gate, jobs, raft } = makeShip();
    const harness = await start(jobs);
    await harness.startWorker();
    const { id } = await harness.enqueue(raft, [1]);
    await waitFor(() => gate.arrivals === 1, { describe: 'the cabin runs' });
    const [child] = await childrenOf(harness, id);
    await cancelJob(harness.engine, everyone, child?.id ?? '');
    gate.open();
    expect(await harness.ended(id)).toMatchObject({
      error: null,
      output: { status: 'cancelled', reason: null, type: 'ship:cabin', after: 100 },
    });
  });

  it('cannot be undone by a retry of a step that it went on without', async () => {
    const { gate, broken, jobs, raft } = makeShip();
    broken.add(1);
    const harness = await start(jobs);
    await harness.startWorker();
    const { id } = await harness.enqueue(raft, [1]);
    const failed = async () => (await childrenOf(harness, id)).find(({ status }) => status === 'failed')?.id;
    const child = await waitFor(failed, { describe: 'the cabin has failed' });
    await waitFor(() => gate.arrivals === 1, { describe: 'the pipeline has gone on' });
    const refusal = { code: 'JOB_NOT_RETRYABLE', message: expect.stringContaining(`its pipeline, ${id}, goes on`) };
    await expect(retryJob(harness.engine, everyone, child)).rejects.toMatchObject(refusal);
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed' });
    await expect(retryJob(harness.engine, everyone, child)).rejects.toMatchObject(refusal);
  });

  it('of several can be undone together by one bulk retry, with their steps', async () => {
    const { gate, broken, jobs, ship } = makeShip();
    gate.open();
    broken.add(2).add(5);
    const harness = await start(jobs);
    await harness.startWorker();
    const ships = [await harness.enqueue(ship, [[1, 2], [3]]), await harness.enqueue(ship, [[4], [5]])];
    for (const { id } of ships) expect(await harness.ended(id)).toMatchObject({ status: 'failed' });
    for (const { id } of ships) await childrenEnded(harness, id);
    broken.clear();
    await act(harness, 'retry', { status: 'failed' });
    expect((await harness.allEnded(ships)).map(({ output }) => output)).toEqual([
      [[1, 2], [3]],
      [[4], [5]],
    ]);
    expect(await countAll(harness)).toEqual([
      { type: 'ship:cabin', status: 'completed', n: 5 },
      { type: 'ship:deck', status: 'completed', n: 4 },
      { type: 'ship:ship', status: 'completed', n: 2 },
    ]);
  });

  it('comes to all at once by a bulk cancel, and a bulk retry brings all back', async () => {
    const { gate, jobs, ship } = makeShip();
    const harness = await start(jobs);
    await harness.startWorker();
    const ships = [await harness.enqueue(ship, [[1, 2], [3]]), await harness.enqueue(ship, [[4], [5]])];
    await waitFor(() => gate.arrivals === 5, { describe: 'all cabins run' });
    await act(harness, 'cancel', { tenant: 'default' });
    await has(harness, 'cancelled', 11);
    gate.open();
    await act(harness, 'retry', { status: 'cancelled' });
    expect((await harness.allEnded(ships)).map(({ output }) => output)).toEqual([
      [[1, 2], [3]],
      [[4], [5]],
    ]);
    expect((await countAll(harness)).map(({ status, n }) => [status, n])).toEqual([
      ['completed', 5],
      ['completed', 4],
      ['completed', 2],
    ]);
  });

  it('can be undone before its steps have been cancelled, which then go on', async () => {
    const { gate, jobs, deck } = makeShip();
    const harness = await start(jobs);
    const worker = await harness.startWorker({ shutdownTimeoutMs: 0 });
    const { id } = await harness.enqueue(deck, [1, 2, 3]);
    await waitFor(() => gate.arrivals === 3, { describe: 'all cabins run' });
    await harness.has(id, 'waiting');
    await harness.engine.waker.stop(); // as if the process had ended at this moment
    await worker.stop();
    await cancelJob(harness.engine, everyone, id);
    await retryJob(harness.engine, everyone, id);
    const next = await start(jobs, { beside: harness });
    await next.startWorker();
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: [1, 2, 3] });
    expect((await childrenOf(harness, id)).map(({ status }) => status)).toEqual(Array(3).fill('completed'));
  });

  it('is told after everything that led to it: each start, each wait, each line, and one attempt', async () => {
    const { gate, jobs, cabin } = makeShip();
    gate.open();
    const pipeline = definePipeline({
      type: 'ship:told',
      input: z.null(),
      async run(_input, { step, log }) {
        log.info('casting off');
        const first = await step(cabin, 1);
        log.info('at sea');
        return first + (await step(cabin, 2));
      },
    });
    const harness = await start([...jobs, pipeline]);
    await harness.startWorker({ concurrency: 1 }); // so that it cannot go on without waiting
    const { id } = await harness.enqueue(pipeline, null);
    const job = await harness.ended(id);
    expect(job).toMatchObject({ status: 'completed', output: 3, attempt: 1, progressPercent: 100, steps: 2 });
    const events = await eventsOf(harness, id);
    const told = events.map(({ type, data }) => (type === 'job.log' ? (data as { message: string }).message : type));
    expect(told.filter((what) => what !== 'job.progress')).toEqual([
      'job.queued',
      'job.started',
      'casting off',
      'job.waiting',
      'job.started',
      'at sea',
      'job.waiting',
      'job.started',
      'job.completed',
    ]);
    expect(events.map(({ id: eventId }) => eventId)).toEqual(
      [...events.map(({ id: eventId }) => eventId)].sort((a, b) => a - b),
    );
    expect(
      events.filter(({ type }) => type === 'job.started').map(({ data }) => (data as { attempt: number }).attempt),
    ).toEqual([1, 1, 1]);
    expect(await harness.attempts(id)).toEqual([]);
    const [first] = await childrenOf(harness, id);
    const child = await harness.job(first?.id ?? '');
    expect(job.startedAt?.getTime()).toBeLessThanOrEqual(child.startedAt?.getTime() ?? 0);
  });
});
