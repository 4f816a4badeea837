import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Step } from '../../src/define/pipeline.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';
import { childrenOf, keysOf } from './pipeline-record.ts';

type Code = (step: Step) => Promise<unknown>;

describe.each<TransportName>(['postgres', 'bullmq'])(
  'a pipeline whose code changes, on the %s transport',
  (transport) => {
    const start = useHarnesses(transport);

    /** A pipeline whose code can be replaced, and jobs that it may call; `hold` ends when the gate is open. */
    function makeJobs() {
      const gate = new Gate();
      const source: { code: Code } = { code: async () => null };
      const double = defineJob({ type: 'math:double', input: z.number(), output: z.number(), run: (n) => n * 2 });
      const triple = defineJob({ type: 'math:triple', input: z.number(), output: z.number(), run: (n) => n * 3 });
      const hold = defineJob({ type: 'some:hold', input: z.null(), run: (_input, { signal }) => gate.pass(signal) });
      const pipeline = definePipeline({
        type: 'some:pipeline',
        input: z.null(),
        run: (_input, ctx) => source.code(ctx.step),
      });
      return { gate, source, double, triple, hold, pipeline, jobs: [double, triple, hold, pipeline] };
    }
    type Jobs = ReturnType<typeof makeJobs>;

    /** Runs the old code until it waits for `hold`, and the new code from there to the end. */
    async function change(old: (jobs: Jobs) => Code, changed: (jobs: Jobs) => Code) {
      const jobs = makeJobs();
      jobs.source.code = old(jobs);
      const harness = await start(jobs.jobs);
      await harness.startWorker();
      const { id } = await harness.enqueue(jobs.pipeline, null);
      await waitFor(() => jobs.gate.arrivals === 1, { describe: 'the last step runs' });
      await harness.has(id, 'waiting');
      const before = await keysOf(harness, id);
      jobs.source.code = changed(jobs);
      jobs.gate.open();
      const job = await harness.ended(id);
      return { harness, jobs, before, job };
    }

    const runsOf = async (harness: Harness, id: string) => (await childrenOf(harness, id)).map(({ key }) => key).sort();

    const OLD =
      ({ double, hold }: Jobs): Code =>
      async (step) => {
        const first = await step(double, 1);
        await step(hold, null);
        return first;
      };

    const CHANGES: [string, (jobs: Jobs) => Code, RegExp][] = [
      [
        'calls something before what is recorded',
        ({ double, triple, hold }) =>
          async (step) => {
            await step(triple, 1);
            await step(double, 1);
            await step(hold, null);
          },
        /^the step "math:double#1" does not fit .*the code calls "math:triple#1" instead$/,
      ],
      [
        'calls something between what is recorded',
        ({ double, triple, hold }) =>
          async (step) => {
            await step(double, 1);
            await step(triple, 1);
            await step(hold, null);
          },
        /^the step "some:hold#1" does not fit .*the code calls "math:triple#1" instead$/,
      ],
      [
        'calls one more of the same before',
        ({ double, hold }) =>
          async (step) => {
            await step(double, 5);
            await step(double, 1);
            await step(hold, null);
          },
        /^the step "math:double#1" does not fit .*it was called with another input$/,
      ],
      [
        'leaves out the first',
        ({ hold }) =>
          async (step) =>
            void (await step(hold, null)),
        /^the step "math:double#1" does not fit .*the code has returned without calling it$/,
      ],
      [
        'leaves out the last',
        ({ double }) =>
          (step) =>
            step(double, 1),
        /^the step "some:hold#1" does not fit .*the code has returned without calling it$/,
      ],
      [
        'returns at once',
        () => async () => 'nothing',
        /^the step "math:double#1" does not fit .*returned without calling it$/,
      ],
      [
        'calls another type',
        ({ triple, hold }) =>
          async (step) => {
            await step(triple, 1, { key: 'math:double#1' });
            await step(hold, null);
          },
        /^the step "math:double#1" does not fit .*it was job math:double, and is job math:triple now$/,
      ],
      [
        'calls many instead of one',
        ({ double, hold }) =>
          async (step) => {
            await step.all(double, [1]);
            await step(hold, null);
          },
        /^the step "math:double#1" does not fit .*it was job math:double, and is all math:double now$/,
      ],
      [
        'pauses instead',
        ({ hold }) =>
          async (step) => {
            await step.sleep(1, { key: 'math:double#1' });
            await step(hold, null);
          },
        /^the step "math:double#1" does not fit .*it was job math:double, and is sleep sleep now$/,
      ],
      [
        'gives another input',
        ({ double, hold }) =>
          async (step) => {
            await step(double, 2);
            await step(hold, null);
          },
        /^the step "math:double#1" does not fit .*it was called with another input$/,
      ],
    ];

    it.each(CHANGES)('fails when it %s', async (_what, changed, message) => {
      const { harness, job, before } = await change(OLD, changed);
      expect(job).toMatchObject({
        status: 'failed',
        reason: 'pipeline_changed',
        attempt: 1,
        error: { name: 'PipelineChangedError', message: expect.stringMatching(message) },
      });
      expect(await keysOf(harness, job.id)).toEqual(before);
      expect(await runsOf(harness, job.id)).toEqual(before.sort());
    });

    it('goes on when something is added behind what is recorded, or beside it', async () => {
      const { job } = await change(OLD, ({ double, triple, hold }) => async (step) => {
        const beside = step(triple, 7);
        const first = await step(double, 1);
        await step(hold, null);
        return [first, await beside, await step(triple, first)];
      });
      expect(job).toMatchObject({ error: null, status: 'completed', output: [2, 21, 6] });
    });

    it('goes on when only the options of a step are other ones, or how its input is written', async () => {
      const old =
        ({ double, hold }: Jobs): Code =>
        async (step) => {
          await step.all(double, [1, 2], { concurrency: 1 });
          await step.sleep(1);
          await step(hold, null);
        };
      const changed =
        ({ double, hold }: Jobs): Code =>
        async (step) => {
          const all = await step.map(double, ['1', '2'], Number, { attempts: 7 });
          await step.sleep(5);
          await step(hold, null, { timeoutMs: 1000 });
          return all;
        };
      const { job } = await change(old, changed);
      expect(job).toMatchObject({ error: null, status: 'completed', output: [2, 4] });
    });

    it('completes once the code fits again and it is retried', async () => {
      const { harness, jobs, job } = await change(
        OLD,
        ({ triple }) =>
          (step) =>
            step(triple, 1),
      );
      expect(job).toMatchObject({ status: 'failed', reason: 'pipeline_changed' });
      jobs.source.code = OLD(jobs);
      await retryJob(harness.engine, everyone, job.id);
      expect(await harness.ended(job.id)).toMatchObject({ status: 'completed', output: 2 });
      expect(await runsOf(harness, job.id)).toEqual(['math:double#1', 'some:hold#1']);
    });

    it('begins anew with the new code when it is retried with an input', async () => {
      const { harness, jobs, job } = await change(
        OLD,
        ({ triple }) =>
          (step) =>
            step(triple, 1),
      );
      expect(job).toMatchObject({ status: 'failed', reason: 'pipeline_changed' });
      jobs.source.code = (step) => step(jobs.triple, 5);
      await retryJob(harness.engine, everyone, job.id, { input: null });
      expect(await harness.ended(job.id)).toMatchObject({ status: 'completed', output: 15, steps: 1 });
      expect(await keysOf(harness, job.id)).toEqual(['math:triple#1']);
    });
  },
);
