import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { remindPipelines } from '../../src/engine/upkeep/remind.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

describe('a pipeline whose jobs were changed by hand', () => {
  const start = useHarnesses('postgres');

  async function startWaiting() {
    const gate = new Gate();
    const hold = defineJob({
      type: 'some:hold',
      input: z.number(),
      output: z.number(),
      attempts: 1,
      async run(n, { signal }) {
        await gate.pass(signal);
        return n;
      },
    });
    const pipeline = definePipeline({
      type: 'some:pipeline',
      input: z.null(),
      run: (_input, { step }) => step.all(hold, [1, 2, 3], { concurrency: 1 }),
    });
    const harness = await start([hold, pipeline], { isFollower: true });
    const { id } = await harness.enqueue(pipeline, null);
    await harness.startWorker({ queues: ['some'], concurrency: 2 });
    await waitFor(() => gate.arrivals === 1, { describe: 'the first step runs' });
    await harness.has(id, 'waiting');
    return { harness, id, gate };
  }

  const endByHand = (harness: Harness, status: string, index: number) =>
    harness.sql(
      `update longshore.jobs
       set status = $1,
         output = case when $1 = 'completed' then '7'::jsonb end,
         finished_at = now()
       where step_index = $2`,
      [status, index],
    );

  it('goes on when nothing of a step is left to wait for', async () => {
    const { harness, id, gate } = await startWaiting();
    for (const index of [0, 1, 2]) await endByHand(harness, 'completed', index);
    expect(await remindPipelines(harness.engine)).toBe(1);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: [7, 7, 7] });
    expect(await remindPipelines(harness.engine)).toBe(0);
    expect(await harness.engine.store.drift.totals()).toMatchObject({ unwoken: 1 });
    gate.open();
  });

  it('lets the next job of a step start, and fails by one that was cancelled', async () => {
    const { harness, id, gate } = await startWaiting();
    await endByHand(harness, 'completed', 0);
    expect(await remindPipelines(harness.engine)).toBe(1);
    await waitFor(() => gate.arrivals === 2, { describe: 'the second step runs' });
    await endByHand(harness, 'cancelled', 1);
    expect(await remindPipelines(harness.engine)).toBe(1);
    expect(await harness.ended(id)).toMatchObject({ status: 'failed', reason: 'step_failed' });
    gate.open();
  });

  it('takes its steps with it when it was ended', async () => {
    const { harness, id, gate } = await startWaiting();
    await harness.sql(`update longshore.jobs set status = 'cancelled', finished_at = now() where id = $1`, [id]);
    expect(await remindPipelines(harness.engine)).toBe(1);
    const areOver = async () =>
      (await harness.sql(`select 1 from longshore.jobs where finished_at is null`)).length === 0;
    await waitFor(areOver, { describe: 'the steps have ended' });
    gate.open();
  });

  it('leaves no step behind when it is deleted before they have ended', async () => {
    const { harness, id, gate } = await startWaiting();
    await harness.sql('delete from longshore.jobs where id = $1', [id]);
    expect(await remindPipelines(harness.engine)).toBe(1);
    const areEnded = async () =>
      (await harness.sql('select 1 from longshore.jobs where finished_at is null')).length === 0;
    await waitFor(areEnded, { describe: 'the steps have ended' });
    expect(await harness.sql('select status from longshore.jobs')).toEqual([
      { status: 'cancelled' },
      { status: 'cancelled' },
      { status: 'cancelled' },
    ]);
    gate.open();
  });
});
