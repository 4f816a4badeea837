import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { pause } from '../../src/shared/time.ts';
import { useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';
import { keysOf, linesOf } from './pipeline-record.ts';

/** Longer than a run stays after its last step. */
const SLOW_MS = 60;

describe.each<TransportName>(['postgres', 'bullmq'])('the replay of a pipeline on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  /** Jobs that end one after the other, when the test says so. */
  function makeDoors(names: readonly string[]) {
    const gates = new Map(names.map((name) => [name, new Gate()]));
    const door = defineJob({
      type: 'some:door',
      input: z.string(),
      output: z.string(),
      async run(name, { signal }) {
        await gates.get(name)?.pass(signal);
        return name;
      },
    });
    return { door, open: (name: string) => gates.get(name)?.open(), gates };
  }

  it('gives the results of a race in the order in which they came, so the same branch is taken', async () => {
    const { door, open } = makeDoors(['a', 'b', 'c']);
    const runs: string[] = [];
    const pipeline = definePipeline({
      type: 'some:race',
      input: z.null(),
      async run(_input, { step }) {
        const [a, b] = [step(door, 'a'), step(door, 'b')];
        const winner = await Promise.race([a, b]);
        runs.push(winner);
        await step(door, 'c', { key: `after ${winner}` });
        return [winner, await a, await b];
      },
    });
    const harness = await start([door, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await harness.has(id, 'waiting');
    open('b');
    await waitFor(async () => (await keysOf(harness, id)).includes('after b'), { describe: 'the race is over' });
    open('a');
    open('c');
    expect(await harness.ended(id)).toMatchObject({ error: null, status: 'completed', output: ['b', 'a', 'b'] });
    expect(new Set(runs)).toEqual(new Set(['b']));
  });

  it('takes the same branch although the code takes its time between two steps', async () => {
    const { door, open } = makeDoors(['a', 'b', 'c']);
    const pipeline = definePipeline({
      type: 'some:race',
      input: z.null(),
      async run(_input, { step }) {
        const slowly = async (name: string) => {
          const value = await step(door, name);
          if (name === 'a') await pause(5); // as a query would
          return value;
        };
        const winner = await Promise.race([slowly('a'), slowly('b')]);
        await step(door, 'c', { key: `after ${winner}` });
        return winner;
      },
    });
    const harness = await start([door, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await harness.has(id, 'waiting');
    open('a');
    await waitFor(async () => (await keysOf(harness, id)).includes('after a'), { describe: 'the race is over' });
    open('b');
    open('c');
    expect(await harness.ended(id)).toMatchObject({ error: null, status: 'completed', output: 'a' });
  });

  it('says each line once', async () => {
    const names = ['a', 'b', 'c'];
    const { door, open } = makeDoors(names);
    const pipeline = definePipeline({
      type: 'some:talk',
      input: z.null(),
      async run(_input, { step, log }) {
        log.info('begins');
        await Promise.all(
          names.map(async (name) => {
            const promise = step(door, name);
            log.info(`called ${name}`);
            await promise;
            log.info(`got ${name}`);
          }),
        );
        log.info('ends');
      },
    });
    const harness = await start([door, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    for (const name of names) {
      await harness.has(id, 'waiting');
      open(name);
      await waitFor(async () => (await linesOf(harness, id)).includes(`got ${name}`), { describe: `it got ${name}` });
    }
    expect(await harness.ended(id)).toMatchObject({ error: null, status: 'completed' });
    expect(await linesOf(harness, id)).toEqual([
      'begins',
      ...names.map((name) => `called ${name}`),
      ...names.map((name) => `got ${name}`),
      'ends',
    ]);
  });

  it('repeats no step when the code between them throws and is tried again', async () => {
    let runs = 0;
    let attemptsSeen: number[] = [];
    const double = defineJob({
      type: 'math:double',
      input: z.number(),
      output: z.number(),
      run: (n) => {
        runs += 1;
        return n * 2;
      },
    });
    const pipeline = definePipeline({
      type: 'some:clumsy',
      input: z.null(),
      attempts: 3,
      backoff: { type: 'fixed', delayMs: 10 },
      async run(_input, { step, attempt }) {
        const first = await step(double, 1);
        attemptsSeen = [...attemptsSeen, attempt];
        if (attempt === 1) throw new Error('clumsy');
        const second = await step(double, first);
        if (attempt === 2) throw new Error('clumsy again');
        return second;
      },
    });
    const harness = await start([double, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 4, attempt: 3 });
    expect(runs).toBe(2);
    expect(new Set(attemptsSeen)).toEqual(new Set([1, 2, 3]));
    expect((await harness.attempts(id)).map(({ outcome }) => outcome)).toEqual(['retrying', 'retrying']);
  });

  it('goes on when its code does something slow while steps are open', async () => {
    const { door, open } = makeDoors(['a', 'b']);
    const pipeline = definePipeline({
      type: 'some:slow',
      input: z.null(),
      async run(_input, { step }) {
        const slowly = step(door, 'a').then(async (value) => {
          await pause(SLOW_MS);
          return step(door, 'a', { key: `after ${value}` });
        });
        return Promise.all([slowly, step(door, 'b')]);
      },
    });
    const harness = await start([door, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    open('a');
    await harness.has(id, 'waiting');
    open('b');
    expect(await harness.ended(id)).toMatchObject({ error: null, status: 'completed', output: ['a', 'b'] });
  });
});
