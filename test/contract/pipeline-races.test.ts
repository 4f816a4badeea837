import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { inTransaction } from '../../src/store/store.ts';
import { everyone, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';
import { childrenEnded, childrenOf } from './pipeline-record.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('a run of a pipeline on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('that has just gone on is not taken for one that its worker has forgotten', async () => {
    const gate = new Gate();
    const pipeline = definePipeline({
      type: 'some:pipeline',
      input: z.null(),
      async run(_input, { step, signal }) {
        await step.sleep(3_600_000);
        await gate.pass(signal);
      },
    });
    const harness = await start([pipeline], { isFollower: true });
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await harness.has(id, 'waiting');
    await harness.sql(`update longshore.jobs set started_at = started_at - interval '1 hour' where id = $1`, [id]);
    await harness.sql('update longshore.pipeline_steps set wake_at = now()');
    await waitFor(() => gate.arrivals === 1, { describe: 'it goes on' });
    const { worker } = await harness.job(id);
    // As a heartbeat asks that was under way when the run was claimed.
    const question = { worker: worker ?? '', queue: null, known: [], minAgeMs: 30_000 };
    expect(await harness.engine.store.rescues.rescueForgotten(question)).toEqual([]);
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', rescues: 0 });
  });
});

describe('news of pipelines', () => {
  const start = useHarnesses('postgres');

  it('about a job of the former input, taken late, do not fail the step of the same key', async () => {
    const gate = new Gate();
    const check = defineJob({
      type: 'some:check',
      input: z.string(),
      attempts: 1,
      async run(text, { signal }) {
        if (text === 'wrong') throw new Error('this cannot be checked');
        await gate.pass(signal);
        return text;
      },
    });
    const pipeline = definePipeline({
      type: 'some:pipeline',
      input: z.string(),
      run: async (text, { step }) => step(check, text),
    });
    const harness = await start([check, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, 'wrong');
    await harness.ended(id);
    const [former] = await childrenOf(harness, id);
    await retryJob(harness.engine, everyone, id, { input: 'right' });
    await waitFor(() => gate.arrivals === 1, { describe: 'the new step runs' });
    await harness.sql('insert into longshore.pipeline_news (pipeline_id, step_key, job_id) values ($1, $2, $3)', [
      ...[id, former?.key, former?.id],
    ]);
    harness.engine.waker.wake();
    const areTaken = async () => (await harness.sql('select 1 from longshore.pipeline_news')).length === 0;
    await waitFor(areTaken, { describe: 'the news are taken' });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ error: expect.anything(), status: 'completed', output: 'right' });
  });

  it('that have ended are taken without a pause, however many there are', async () => {
    const harness = await start([], { isFollower: true });
    await harness.engine.waker.stop(); // the test does what it does
    await harness.sql(
      'insert into longshore.pipeline_news (pipeline_id) select gen_random_uuid() from generate_series(1, 150)',
    );
    const { pipelineEnds } = harness.engine.store;
    expect(await pipelineEnds.takeOrphans(10)).toEqual({ jobs: [], isFull: true });
    expect(await pipelineEnds.takeOrphans(10)).toEqual({ jobs: [], isFull: false });
  });
});

describe('a retry of a pipeline', () => {
  const start = useHarnesses('postgres');

  /** Fails for what is wrong, waits for the rest. */
  function makeCheck(gate: Gate) {
    return defineJob({
      type: 'some:check',
      input: z.string(),
      attempts: 1,
      async run(text, { signal }) {
        if (text === 'wrong') throw new Error('this cannot be checked');
        await gate.pass(signal);
      },
    });
  }

  it('that waited for another one leaves alone what runs again by then', async () => {
    const check = makeCheck(new Gate());
    const pipeline = definePipeline({
      type: 'some:pipeline',
      input: z.string(),
      run: async (text, { step }) => step(check, text),
    });
    const harness = await start([check, pipeline]);
    const worker = await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, 'wrong');
    await harness.ended(id);
    await worker.stop();
    const [child] = await childrenOf(harness, id);
    let second: Promise<unknown> | undefined;
    await inTransaction(harness.engine.store, async (store) => {
      await store.database.query('select 1 from longshore.jobs where id = $1 for update', [id]);
      second = retryJob(harness.engine, everyone, id).catch((error: unknown) => error);
      await waitFor(() => harness.countLockWaits(), { describe: 'the other retry waits' });
      await store.retries.retry([{ id }]);
      // The step has failed again by the time that the other retry looks.
      const text = `update longshore.jobs set status = 'failed', reason = 'attempts_exhausted', finished_at = now() where id = $1`;
      await store.database.query(text, [child?.id]);
    });
    expect(await second).toMatchObject({ code: 'JOB_NOT_RETRYABLE' });
    expect(await harness.job(id)).toMatchObject({ status: 'queued' });
    expect(await harness.job(child?.id ?? '')).toMatchObject({ status: 'failed' });
  });

  it('leaves its steps alone, too, where another job holds its deduplication key', async () => {
    const gate = new Gate();
    const check = makeCheck(gate);
    const pipeline = definePipeline({
      type: 'some:pipeline',
      input: z.array(z.string()),
      run: async (texts, { step }) => step.all(check, texts, { concurrency: 1 }),
    });
    const harness = await start([check, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, ['wrong', 'right'], { deduplicationKey: 'one' });
    await harness.ended(id);
    await childrenEnded(harness, id);
    const other = await harness.enqueue(pipeline, ['right'], { deduplicationKey: 'one' });
    for (const child of await childrenOf(harness, id)) {
      await expect(retryJob(harness.engine, everyone, child.id)).rejects.toMatchObject({ code: 'JOB_NOT_RETRYABLE' });
    }
    await expect(retryJob(harness.engine, everyone, id)).rejects.toMatchObject({ code: 'JOB_NOT_RETRYABLE' });
    expect((await childrenOf(harness, id)).map(({ status }) => status)).toEqual(['failed', 'cancelled']);
    gate.open();
    await harness.ended(other.id);
    await retryJob(harness.engine, everyone, id);
    expect((await harness.ended(id)).error?.message).toBe('step "some:check#1[0]" failed: this cannot be checked');
  });

  it('does not take up a failure that the code has passed, also while its siblings are still open', async () => {
    const gate = new Gate();
    const [brink, beyond] = [new Gate(), new Gate()];
    const check = makeCheck(gate);
    const pipeline = definePipeline({
      type: 'some:pipeline',
      input: z.null(),
      attempts: 1,
      async run(_input, { step, signal }) {
        const items = ['wrong', 'held', 'held back'];
        await step.all(check, items, { concurrency: 2 }).catch(() => undefined); // the failure that the code passes
        await step.sleep(0);
        await brink.pass(signal);
        if (brink.arrivals === 1) throw new Error('over the edge');
        await beyond.pass(signal);
      },
    });
    const first = await start([check, pipeline]);
    await first.startWorker();
    const { id } = await first.enqueue(pipeline, null);
    await waitFor(() => brink.arrivals === 1, { describe: 'it is about to fail' });
    await first.engine.waker.stop(); // so that nobody ends what it leaves open
    brink.open();
    await first.ended(id);
    await retryJob(first.engine, everyone, id);
    const second = await start([check, pipeline], { beside: first });
    await waitFor(() => beyond.arrivals === 1, { describe: 'it has come further' });
    expect((await childrenOf(second, id)).map(({ status }) => status)).toEqual(['failed', 'processing', 'waiting']);
    beyond.open();
    expect(await second.ended(id)).toMatchObject({ status: 'completed' });
    await childrenEnded(second, id);
    expect((await childrenOf(second, id)).map(({ status }) => status)).toEqual(['failed', 'cancelled', 'cancelled']);
  });
});
