import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { everyone, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { childrenEnded, childrenOf } from './pipeline-record.ts';

describe.each<TransportName>(['postgres', 'bullmq'])(
  'a pipeline that did not complete, on the %s transport',
  (transport) => {
    const start = useHarnesses(transport);

    /** Renders scenes; those in `broken` fail, those in `held` wait until they are aborted. */
    function makeStudio() {
      const studio = {
        broken: new Set<number>(),
        held: new Set<number>(),
        rendered: [] as number[],
        aborted: [] as number[],
      };
      const render = defineJob({
        type: 'studio:render',
        input: z.number(),
        output: z.number(),
        attempts: 1,
        async run(scene, { signal }) {
          if (studio.broken.has(scene)) throw new Error('the camera is broken');
          if (studio.held.has(scene)) {
            await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
            studio.aborted.push(scene);
            signal.throwIfAborted();
          }
          studio.rendered.push(scene);
          return scene * 10;
        },
      });
      const film = definePipeline({
        type: 'studio:film',
        input: z.array(z.number()),
        output: z.object({ film: z.array(z.number()) }),
        run: async (scenes, { step }) => ({ film: await step.all(render, scenes, { concurrency: 3 }) }),
      });
      const festival = definePipeline({
        type: 'studio:festival',
        input: z.array(z.number()),
        run: async (scenes, { step }) => {
          const opening = await step(render, 100);
          return { opening, ...(await step(film, scenes)) };
        },
      });
      return { studio, jobs: [render, film, festival], render, film, festival };
    }

    it('runs only what did not complete when it is retried', async () => {
      const { studio, jobs, film } = makeStudio();
      studio.broken.add(7);
      const harness = await start(jobs);
      await harness.startWorker();
      const { id } = await harness.enqueue(film, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(await harness.ended(id)).toMatchObject({ status: 'failed', reason: 'step_failed' });
      await childrenEnded(harness, id);
      const before = await childrenOf(harness, id);
      studio.broken.clear();
      await retryJob(harness.engine, everyone, id);
      expect(await harness.ended(id)).toMatchObject({
        status: 'completed',
        output: { film: [10, 20, 30, 40, 50, 60, 70, 80, 90] },
      });
      const completed = before.flatMap(({ index, status }) => (status === 'completed' ? [(index ?? 0) + 1] : []));
      expect(completed.length).toBeGreaterThan(0);
      for (const done of completed) expect(studio.rendered.filter((scene) => scene === done)).toHaveLength(1);
      expect(new Set(studio.rendered)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    });

    it('goes on by itself when the step that failed it is retried, also two pipelines further down', async () => {
      const { studio, jobs, festival } = makeStudio();
      studio.broken.add(2);
      const harness = await start(jobs);
      await harness.startWorker();
      const { id } = await harness.enqueue(festival, [1, 2]);
      expect(await harness.ended(id)).toMatchObject({ status: 'failed' });
      const film = (await childrenOf(harness, id)).find(({ key }) => key.includes('film'));
      const broken = (await childrenOf(harness, film?.id ?? '')).find(({ index }) => index === 1);
      studio.broken.clear();
      await retryJob(harness.engine, everyone, broken?.id ?? '');
      expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: { opening: 1000, film: [10, 20] } });
      expect(studio.rendered.sort((a, b) => a - b)).toEqual([1, 2, 100]);
    });

    it('is taken back to a failure that its code has caught, acted upon, and thrown again', async () => {
      const { studio, jobs, render } = makeStudio();
      const tidy = defineJob({ type: 'studio:tidy', input: z.null(), run: () => null });
      const careful = definePipeline({
        type: 'studio:careful',
        input: z.array(z.number()),
        async run(scenes, { step }) {
          const first = await step(render, 100);
          try {
            return [first, ...(await step.all(render, scenes))];
          } catch (error) {
            await step(tidy, null);
            throw error;
          }
        },
      });
      const around = definePipeline({
        type: 'studio:around',
        input: z.array(z.number()),
        run: (scenes, { step }) => step(careful, scenes),
      });
      studio.broken.add(2);
      const harness = await start([...jobs, tidy, careful, around]);
      await harness.startWorker();
      const { id } = await harness.enqueue(around, [1, 2]);
      expect(await harness.ended(id)).toMatchObject({ status: 'failed', reason: 'step_failed' });
      await retryJob(harness.engine, everyone, id);
      expect(await harness.ended(id)).toMatchObject({ status: 'failed', reason: 'step_failed' }); // it has not been mended
      studio.broken.clear();
      await retryJob(harness.engine, everyone, id);
      expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: [1000, 10, 20] });
      expect(studio.rendered.sort((a, b) => a - b)).toEqual([1, 2, 100]);
    });

    it('cancels the steps that wait and signals those that run when it is cancelled', async () => {
      const { studio, jobs, film } = makeStudio();
      studio.held.add(1).add(2);
      const harness = await start(jobs);
      await harness.startWorker();
      const { id } = await harness.enqueue(film, [1, 2, 3, 4, 5]);
      const areHeld = async () =>
        (await childrenOf(harness, id)).filter((step) => step.status === 'processing').length === 2;
      await waitFor(areHeld, { describe: 'two steps run' });
      await cancelJob(harness.engine, everyone, id);
      await childrenEnded(harness, id);
      await waitFor(() => studio.aborted.length === 2, { describe: 'both steps were aborted' });
    });
  },
);
