import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { sendEvent as tellPipeline } from '../../src/engine/pipelines/send-event.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { keysOf } from './pipeline-record.ts';

const HOUR_MS = 3_600_000;

const sendEvent = (harness: Harness, id: string, name: string, payload: unknown) =>
  tellPipeline(harness.engine, everyone, id, name, payload, createId());

describe.each<TransportName>(['postgres', 'bullmq'])('a pipeline that waits, on the %s transport', (transport) => {
  const start = useHarnesses(transport);
  const hasCalled = (harness: Harness, id: string, key: string) =>
    waitFor(async () => (await keysOf(harness, id)).includes(key), { describe: `${id} has called ${key}` });

  it('pauses without a slot, and every pause is over once', async () => {
    const nap = definePipeline({
      type: 'some:nap',
      input: z.int(),
      output: z.int(),
      async run(times, { step }) {
        for (let time = 0; time < times; time += 1) await step.sleep(20.5);
        return times;
      },
    });
    const harness = await start([nap]);
    await harness.startWorker({ concurrency: 1 });
    const jobs = await Promise.all([0, 1, 2, 5, 5, 5].map((times) => harness.enqueue(nap, times)));
    const ended = await harness.allEnded(jobs);
    expect(ended.map(({ output, steps, attempt }) => ({ output, steps, attempt }))).toEqual(
      [0, 1, 2, 5, 5, 5].map((times) => ({ output: times, steps: times, attempt: 1 })),
    );
  });

  it('goes on in another process after a pause that was over while nobody worked', async () => {
    const nap = definePipeline({
      type: 'some:nap',
      input: z.null(),
      async run(_input, { step }) {
        await step.sleep(HOUR_MS);
        return 'rested';
      },
    });
    const first = await start([nap]);
    const worker = await first.startWorker();
    const { id } = await first.enqueue(nap, null);
    await first.has(id, 'waiting');
    await worker.stop();
    await first.engine.waker.stop();
    await first.sql(`update longshore.pipeline_steps set wake_at = wake_at - interval '2 hours'`);
    const second = await start([nap], { beside: first });
    await second.startWorker();
    expect(await second.ended(id)).toMatchObject({ status: 'completed', output: 'rested', steps: 1 });
  });

  it('takes an event that came before it asked, at once', async () => {
    const pipeline = definePipeline({
      type: 'some:approval',
      input: z.null(),
      async run(_input, { step }) {
        await step.waitForEvent('ready');
        return [await step.waitForEvent('approved'), await step.waitForEvent('approved', { timeoutMs: 0 })];
      },
    });
    const harness = await start([pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await harness.has(id, 'waiting');
    await sendEvent(harness, id, 'approved', { by: 'ann' });
    await sendEvent(harness, id, 'approved', [1, 'two', null]);
    await sendEvent(harness, id, 'approved', 'nobody asks for it');
    await sendEvent(harness, id, 'ready', null);
    expect(await harness.ended(id)).toMatchObject({ error: null, output: [{ by: 'ann' }, [1, 'two', null]] });
    const left = await harness.sql('select payload from longshore.pipeline_events where step_key is null');
    expect(left).toEqual([{ payload: 'nobody asks for it' }]);
  });

  it('gives each event to one wait of its name, the oldest to the one that asked first', async () => {
    const pipeline = definePipeline({
      type: 'some:approval',
      input: z.null(),
      run: (_input, { step }) =>
        Promise.all([
          step.waitForEvent('vote', { key: 'first' }),
          step.waitForEvent('vote', { key: 'second' }),
          step.waitForEvent('veto', { timeoutMs: HOUR_MS }),
        ]),
    });
    const harness = await start([pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await harness.has(id, 'waiting');
    await sendEvent(harness, id, 'vote', 1);
    await sendEvent(harness, id, 'vote', 2);
    await sendEvent(harness, id, 'vote', 3);
    await sendEvent(harness, id, 'other', 4);
    await sendEvent(harness, id, 'veto', false);
    expect(await harness.ended(id)).toMatchObject({ error: null, output: [1, 2, false] });
  });

  it('gets null when its time is over, and leaves what comes later to the next wait', async () => {
    const pipeline = definePipeline({
      type: 'some:approval',
      input: z.null(),
      async run(_input, { step }) {
        const reminders = [await step.waitForEvent('approved', { timeoutMs: 30 })];
        return [...reminders, await step.waitForEvent('approved')];
      },
    });
    const harness = await start([pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await hasCalled(harness, id, 'approved#2');
    await sendEvent(harness, id, 'approved', 'late');
    expect(await harness.ended(id)).toMatchObject({ error: null, output: [null, 'late'] });
  });

  it('can give up a step that takes too long, whose job is cancelled with its end', async () => {
    const endless = defineJob({
      type: 'some:endless',
      input: z.null(),
      run: (_input, { signal }) =>
        new Promise<string>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    });
    const pipeline = definePipeline({
      type: 'some:impatient',
      input: z.null(),
      run: async (_input, { step }) => Promise.race([step(endless, null), step.sleep(30).then(() => 'too long')]),
    });
    const harness = await start([endless, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    expect(await harness.ended(id)).toMatchObject({ error: null, output: 'too long' });
    const [child] = await harness.sql<{ id: string }>('select id from longshore.jobs where parent_id = $1', [id]);
    expect(await harness.ended(child?.id ?? '')).toMatchObject({ status: 'cancelled' });
  });

  it('takes an event that comes just as an older wait of its name is given up', async () => {
    const pipeline = definePipeline({
      type: 'some:approval',
      input: z.null(),
      run: (_input, { step }) =>
        Promise.all([step.waitForEvent('approved', { timeoutMs: HOUR_MS }), step.waitForEvent('approved')]),
    });
    const harness = await start([pipeline], { isFollower: true });
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await harness.has(id, 'waiting');
    const areTaken = async () => (await harness.sql('select 1 from longshore.pipeline_news')).length === 0;
    await waitFor(areTaken, { describe: 'the news are taken' });
    await harness.engine.waker.stop();

    const { pipelineWakes } = harness.engine.store;
    const looks: Promise<unknown>[] = [];
    const look = async () => {
      looks.push(pipelineWakes.settle(100));
      await waitFor(async () => (await harness.countLockWaits()) === looks.length, {
        describe: 'it waits for the lock',
      });
    };
    const [held, locked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = harness.engine.store.database.transaction(async (database) => {
      await database.query('select 1 from longshore.jobs where id = $1 for no key update', [id]);
      locked.resolve();
      await held.promise;
    });
    try {
      await Promise.race([locked.promise, holding]);
      await harness.sql('update longshore.pipeline_steps set wake_at = now() where wake_at is not null');
      await look(); // it gives up the older wait
      await harness.sql(
        `with event as (
           insert into longshore.pipeline_events (id, pipeline_id, name, payload) values ($1, $2, 'approved', '"late"')
         )
         insert into longshore.pipeline_news (pipeline_id, step_key) values ($2, 'approved')`,
        [createId(), id],
      );
      await look(); // it would give the event to that one
    } finally {
      held.resolve();
      await Promise.all([holding, ...looks]);
    }
    const next = await start([pipeline], { beside: harness });
    await next.startWorker();
    expect(await harness.ended(id)).toMatchObject({ error: null, output: [null, 'late'] });
  });

  it('leaves a pause behind when it ends, which wakes nobody again and again when it is over', async () => {
    const pipeline = definePipeline({
      type: 'some:race',
      input: z.null(),
      run: async (_input, { step }) => Promise.race([step.sleep(1), step.sleep(HOUR_MS), step.waitForEvent('never')]),
    });
    const harness = await start([pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    expect(await harness.ended(id)).toMatchObject({ error: null, status: 'completed' });
    await harness.sql(
      'update longshore.pipeline_steps set wake_at = now() where settled is null and wake_at is not null',
    );
    const isIdle = async () => {
      const dueMs = (await harness.engine.store.pipelineWakes.look()).dueInMs;
      return dueMs === undefined;
    };
    await waitFor(isIdle, { describe: 'nothing is due' });
    expect(await harness.job(id)).toMatchObject({ status: 'completed' });
  });

  it('is cancelled like any job, and neither its time nor an event wakes it after that', async () => {
    const pipeline = definePipeline({
      type: 'some:approval',
      input: z.null(),
      run: (_input, { step }) => Promise.all([step.waitForEvent('approved'), step.sleep(HOUR_MS)]),
    });
    const harness = await start([pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await harness.has(id, 'waiting');
    await cancelJob(harness.engine, everyone, id);
    await expect(sendEvent(harness, id, 'approved', 1)).rejects.toMatchObject({ code: 'JOB_TERMINAL' });
    await harness.sql('update longshore.pipeline_steps set wake_at = now() where wake_at is not null');
    const areTaken = async () => (await harness.sql('select 1 from longshore.pipeline_news')).length === 0;
    await waitFor(areTaken, { describe: 'the news are taken' });
    expect(await harness.job(id)).toMatchObject({ status: 'cancelled', wakes: 0 });
    expect(await harness.sql('select 1 from longshore.pipeline_steps where settled is not null')).toEqual([]);
  });
});
