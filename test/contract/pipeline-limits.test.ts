import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { defineJob, definePipeline, StepError } from '../../src/index.ts';
import { everyone, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';
import { childrenEnded, childrenOf } from './pipeline-record.ts';

const range = (count: number) => Array.from({ length: count }, (_none, n) => n);

/** A job that knows how many of it ran at once, for each pipeline. */
function makeCounter() {
  const counter = { now: 0, most: 0, runs: [] as number[], broken: new Set<number>() };
  const job = defineJob({
    type: 'some:item',
    input: z.number(),
    output: z.number(),
    attempts: 1,
    async run(n) {
      counter.now += 1;
      counter.most = Math.max(counter.most, counter.now);
      counter.runs.push(n);
      await new Promise((resolve) => setImmediate(resolve)); // lets the others begin
      counter.now -= 1;
      if (counter.broken.has(n)) throw new Error(`item ${n} is broken`);
      return n * 10;
    },
  });
  return { counter, job };
}

describe.each<TransportName>(['postgres', 'bullmq'])('many jobs of one step on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('all run, once each, and never more at once than the step allows', async () => {
    const { counter, job } = makeCounter();
    const pipeline = definePipeline({
      type: 'some:many',
      input: z.number(),
      run: (count, { step }) => step.all(job, range(count), { concurrency: 3 }),
    });
    const harness = await start([job, pipeline]);
    const second = await start([job, pipeline], { beside: harness });
    await Promise.all([harness.startWorker({ concurrency: 20 }), second.startWorker({ concurrency: 20 })]);
    const { id } = await harness.enqueue(pipeline, 60);
    expect(await harness.ended(id)).toMatchObject({ error: null, output: range(60).map((n) => n * 10) });
    expect(counter.most).toBeLessThanOrEqual(3);
    expect(counter.runs.sort((a, b) => a - b)).toEqual(range(60));
  });

  it('all run with 2,000 items, and their results come in the order of the items', async () => {
    const { counter, job } = makeCounter();
    const pipeline = definePipeline({
      type: 'some:many',
      input: z.number(),
      output: z.object({ count: z.number(), isInOrder: z.boolean() }),
      async run(count, { step }) {
        const results = await step.map(job, range(count), (n) => n);
        return { count: results.length, isInOrder: results.every((result, n) => result === n * 10) };
      },
    });
    const harness = await start([job, pipeline]);
    await harness.startWorker({ concurrency: 50 });
    const { id } = await harness.enqueue(pipeline, 2000);
    expect(await harness.ended(id, 50_000)).toMatchObject({ error: null, output: { count: 2000, isInOrder: true } });
    expect(counter.runs).toHaveLength(2000);
  });

  it('go on after a failure where failures are no matter, and leave a gap', async () => {
    const { counter, job } = makeCounter();
    counter.broken.add(1).add(4);
    const pipeline = definePipeline({
      type: 'some:many',
      input: z.null(),
      run: (_input, { step }) => step.all(job, range(6), { concurrency: 2, onFailure: 'continue' }),
    });
    const harness = await start([job, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    expect(await harness.ended(id)).toMatchObject({ error: null, output: [0, null, 20, 30, null, 50] });
    expect(counter.runs).toHaveLength(6);
  });

  it('end with the first failure that is caught, and those that waited for their turn never run', async () => {
    const { counter, job } = makeCounter();
    counter.broken.add(1);
    const pipeline = definePipeline({
      type: 'some:many',
      input: z.null(),
      async run(_input, { step }) {
        try {
          return await step.all(job, range(30), { concurrency: 1 });
        } catch (error) {
          if (!(error instanceof StepError)) throw error;
          return { step: error.step, status: error.status, after: await step(job, 100) };
        }
      },
    });
    const harness = await start([job, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    expect(await harness.ended(id)).toMatchObject({
      error: null,
      output: { step: 'some:item#1[1]', status: 'failed', after: 1000 },
    });
    await childrenEnded(harness, id);
    expect(counter.runs).toEqual([0, 1, 100]);
    const ends = (await childrenOf(harness, id)).map(({ status }) => status);
    expect(ends.filter((status) => status === 'cancelled')).toHaveLength(28);
  });

  it('keep to their limit when their pipeline is retried, and those that completed stay', async () => {
    const { counter, job } = makeCounter();
    counter.broken.add(5);
    const pipeline = definePipeline({
      type: 'some:many',
      input: z.null(),
      run: (_input, { step }) => step.all(job, range(20), { concurrency: 2 }),
    });
    const harness = await start([job, pipeline]);
    await harness.startWorker({ concurrency: 10 });
    const { id } = await harness.enqueue(pipeline, null);
    expect(await harness.ended(id)).toMatchObject({ status: 'failed', reason: 'step_failed' });
    await childrenEnded(harness, id);
    const completed = (await childrenOf(harness, id)).filter(({ status }) => status === 'completed');
    counter.broken.clear();
    counter.most = 0;
    await retryJob(harness.engine, everyone, id);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: range(20).map((n) => n * 10) });
    expect(counter.most).toBeLessThanOrEqual(2);
    expect(counter.runs.filter((n) => n === 5)).toHaveLength(2);
    for (const { index } of completed) expect(counter.runs.filter((n) => n === index)).toHaveLength(1);
  });

  it('make room when one that waits for its turn, or one that runs, is cancelled', async () => {
    const gate = new Gate();
    const hold = defineJob({ type: 'some:hold', input: z.number(), run: (_n, { signal }) => gate.pass(signal) });
    const pipeline = definePipeline({
      type: 'some:many',
      input: z.null(),
      run: (_input, { step }) => step.all(hold, range(5), { concurrency: 2, onFailure: 'continue' }),
    });
    const harness = await start([hold, pipeline]);
    await harness.startWorker({ concurrency: 10 });
    const { id } = await harness.enqueue(pipeline, null);
    await waitFor(() => gate.arrivals === 2, { describe: 'two of them run' });
    const children = await childrenOf(harness, id);
    const idAt = (place: number) => children.find(({ index }) => index === place)?.id ?? '';
    await cancelJob(harness.engine, everyone, idAt(2)); // it waits for its turn
    await cancelJob(harness.engine, everyone, idAt(0)); // it runs
    await waitFor(() => gate.arrivals === 3, { describe: 'the next one runs' });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ error: null, status: 'completed' });
    const statuses = (await childrenOf(harness, id)).map(({ status }) => status);
    expect(statuses).toEqual(['cancelled', 'completed', 'cancelled', 'completed', 'completed']);
  });

  it('of very many pipelines on a single slot keep nobody waiting for ever', async () => {
    const { job } = makeCounter();
    const inner = definePipeline({
      type: 'some:inner',
      queue: 'some',
      input: z.number(),
      output: z.number(),
      run: async (n, { step }) => (await step(job, n)) + (await step(job, 1)),
    });
    const outer = definePipeline({
      type: 'some:outer',
      input: z.number(),
      output: z.array(z.number()),
      run: (n, { step }) => Promise.all([step(inner, n), step(inner, n + 1)]),
    });
    const harness = await start([job, inner, outer]);
    await harness.startWorker({ concurrency: 1 });
    const pipelines = await Promise.all(range(20).map((n) => harness.enqueue(outer, n)));
    const ended = await harness.allEnded(pipelines);
    expect(ended.map(({ output }) => output)).toEqual(range(20).map((n) => [n * 10 + 10, (n + 1) * 10 + 10]));
  });
});
