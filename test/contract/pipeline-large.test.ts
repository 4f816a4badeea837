import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cancelJob } from '../../src/engine/control.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { everyone, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const item = (gate: Gate) =>
  defineJob({ type: 'some:item', input: z.int(), run: (_input, { signal }) => gate.pass(signal) });

function makePipeline(job: ReturnType<typeof item>) {
  return definePipeline({
    type: 'some:pipeline',
    input: z.int(),
    run: async (count, { step }) => {
      await step.all(
        job,
        Array.from({ length: count }, (_, index) => index),
      );
    },
  });
}

describe('a pipeline of many steps', () => {
  const start = useHarnesses('postgres');

  it('ends those that run last when it is cancelled, so that none is started only to be aborted', async () => {
    const gate = new Gate();
    const job = item(gate);
    const pipeline = makePipeline(job);
    const harness = await start([job, pipeline], { isFollower: true });
    await harness.startWorker({ concurrency: 1 });
    const { id } = await harness.enqueue(pipeline, 3);
    await waitFor(() => gate.arrivals === 1, { describe: 'one of them runs' });
    await harness.engine.waker.stop(); // the test does what it does
    await cancelJob(harness.engine, everyone, id);
    const { jobs } = await harness.engine.store.pipelineEnds.takeOrphans(3);
    expect(jobs.map(({ status }) => status).at(-1)).toBe('processing');
    gate.open();
  });

  it('is retried although the statistics of the database know nothing of it', async () => {
    const job = item(new Gate());
    const pipeline = makePipeline(job);
    const harness = await start([job, pipeline], { isFollower: true });
    const { id } = await harness.enqueue(pipeline, 1);
    await cancelJob(harness.engine, everyone, id);
    // As such a pipeline lies there when it was cancelled in the middle.
    await harness.sql('alter table longshore.jobs set (autovacuum_enabled = false)');
    await harness.sql('update longshore.jobs set steps = 1 where id = $1', [id]);
    await harness.sql(
      `insert into longshore.pipeline_steps (pipeline_id, key, position, kind, name, input_hash, size, seen)
       values ($1, 'items', 1, 'all', 'some:item', '', 10000, 0)`,
      [id],
    );
    const columns = 'id, tenant, type, queue, status, input, max_attempts, timeout_ms, parent_id, step_key, step_index';
    await harness.sql(
      `insert into longshore.jobs (${columns}, finished_at)
       select gen_random_uuid(), 'default', 'some:item', 'default', 'completed', '0', 3, 1000, $1, 'items', g, now()
       from generate_series(0, 9999) g`,
      [id],
    );
    await harness.sql('analyze longshore.jobs');
    await harness.sql(`update longshore.jobs set status = 'cancelled' where step_index > 0`);
    const rows = await harness.engine.store.retries.retry([{ id }]);
    expect(rows).toHaveLength(10_000);
  });
});
