import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { progressOf } from '../../src/engine/pipelines/progress.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('the progress of a pipeline on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  /** A first step, and then four at once, each of which ends when its gate is open. */
  function makeJobs() {
    const gates = Array.from({ length: 4 }, () => new Gate());
    const quick = defineJob({ type: 'film:quick', input: z.null(), run: () => null });
    const held = defineJob({
      type: 'film:held',
      input: z.number(),
      run: async (index, ctx) => {
        ctx.progress(50);
        await gates[index]?.pass(ctx.signal);
      },
    });
    const film = definePipeline({
      type: 'film:film',
      input: z.null(),
      async run(_input, { step }) {
        await step(quick, null);
        await step.all(held, [0, 1, 2, 3]);
      },
    });
    return { gates, jobs: [quick, held, film], film };
  }

  const progress = async (harness: Harness, id: string) => progressOf(harness.engine, await harness.job(id));
  /** Waits until the pipeline is as far as that, in percent, or further. */
  const isAt = (harness: Harness, id: string, percent: number) =>
    waitFor(async () => (await progress(harness, id)).percent >= percent, { describe: `it is at ${percent} %` });

  it('grows with every end of a step and with what those that run report, and is kept while it waits', async () => {
    const { gates, jobs, film } = makeJobs();
    const harness = await start(jobs);
    await harness.startWorker();
    const { id } = await harness.enqueue(film, null);
    await waitFor(() => gates.every(({ arrivals }) => arrivals === 1), { describe: 'all steps run' });
    // Nothing is known of what comes: one job is taken for 30 % of what is left, many for 60 %.
    await isAt(harness, id, 100 * (1 - 0.7 * (1 - 0.6 * 0.49)));
    gates[0]?.open();
    gates[1]?.open();
    const half = 100 * (1 - 0.7 * (1 - 0.6 * 0.74));
    await isAt(harness, id, half);
    expect((await progress(harness, id)).percent).toBeLessThan(65);
    const isKept = async () => (await harness.job(id)).progressPercent >= half;
    await waitFor(isKept, { describe: 'its row says so' });
    for (const gate of gates) gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', progressPercent: 100 });
    expect(await progress(harness, id)).toEqual({ percent: 100, etaMs: null });
  });

  it('is weighed by how long the steps of the last one took, of its own tenant and type', async () => {
    const { gates, jobs, film } = makeJobs();
    const harness = await start(jobs);
    await harness.startWorker();
    for (const gate of gates) gate.open();
    const former = await Promise.all(['acme', 'other'].map((tenant) => harness.enqueue(film, null, { tenant })));
    await harness.allEnded(former);
    const took = (pipelineId: string | undefined, key: string, seconds: number) =>
      harness.sql(
        `update longshore.pipeline_steps
         set settled_at = created_at + $3 * interval '1 second'
         where pipeline_id = $1 and key = $2`,
        [pipelineId, key, seconds],
      );
    await took(former[0]?.id, 'film:quick#1', 6000);
    await took(former[0]?.id, 'film:held#1', 2000);
    await took(former[1]?.id, 'film:quick#1', 1);
    await took(former[1]?.id, 'film:held#1', 7999);

    for (const [index] of gates.entries()) gates[index] = new Gate();
    const { id } = await harness.enqueue(film, null, { tenant: 'acme' });
    await isAt(harness, id, 87);
    const { percent, etaMs } = await progress(harness, id);
    expect(percent).toBeCloseTo(87.5); // 6000 s and half of 2000 s, of 8000 s
    expect(etaMs).toEqual(expect.any(Number));
    for (const gate of gates) gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed' });
  });
});
