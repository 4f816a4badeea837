import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, definePipeline, StepError } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';

const double = defineJob({
  type: 'math:double',
  input: z.object({ n: z.number() }),
  output: z.number(),
  run: ({ n }) => n * 2,
});

const sumOf = defineJob({
  type: 'math:sum',
  input: z.array(z.number()),
  output: z.number(),
  run: (numbers) => numbers.reduce((sum, n) => sum + n, 0),
});

const refuse = defineJob({
  type: 'math:refuse',
  input: z.object({ n: z.number() }),
  output: z.number(),
  attempts: 1,
  run: ({ n }): number => {
    throw new Error(`no, not ${n}`);
  },
});

describe.each<TransportName>(['postgres', 'bullmq'])('a pipeline on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('hands the results of its steps to those that follow', async () => {
    const pipeline = definePipeline({
      type: 'math:pipeline',
      input: z.object({ n: z.number() }),
      output: z.number(),
      async run({ n }, { step }) {
        const first = await step(double, { n });
        const many = await step.all(double, [{ n: first }, { n: first + 1 }, { n: first + 2 }]);
        const mapped = await step.map(double, many, (value) => ({ n: value }));
        return step(sumOf, [first, ...many, ...mapped]);
      },
    });
    const harness = await start([double, sumOf, pipeline]);
    await harness.startWorker({ concurrency: 1 });
    const { id } = await harness.enqueue(pipeline, { n: 1 });
    const ended = await harness.ended(id);
    expect(ended.error).toBeNull();
    expect(ended).toMatchObject({ status: 'completed', output: 2 + (4 + 6 + 8) + (8 + 12 + 16), attempt: 1, steps: 4 });
    const runs = await harness.sql(`select 1 from longshore.job_attempts where job_id = $1 and outcome <> 'waiting'`, [
      id,
    ]);
    expect(runs).toEqual([]);
  });

  it('goes on by each branch that can, with loops, conditions and catches in it', async () => {
    const pipeline = definePipeline({
      type: 'math:branches',
      input: z.array(z.number()),
      async run(numbers, { step }) {
        const branches = await Promise.all(
          numbers.map(async (n) => {
            let value = await step(double, { n });
            while (value < 20) value = await step(double, { n: value });
            try {
              if (value > 30) await step(refuse, { n: value });
            } catch (error) {
              if (!(error instanceof StepError)) throw error;
              value = -value;
            }
            return value;
          }),
        );
        return { branches, lenient: await step.all(refuse, [{ n: 1 }, { n: 2 }], { onFailure: 'continue' }) };
      },
    });
    const harness = await start([double, refuse, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, [1, 5, 9]);
    const ended = await harness.ended(id);
    expect(ended).toMatchObject({
      error: null,
      status: 'completed',
      output: { branches: [-32, 20, -36], lenient: [null, null] },
    });
  });

  it('fails with the step that is out of attempts, and says which', async () => {
    const pipeline = definePipeline({
      type: 'math:failing',
      input: z.null(),
      run: (_input, { step }) => step.all(refuse, [{ n: 1 }]),
    });
    const harness = await start([refuse, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      reason: 'step_failed',
      error: {
        name: 'StepError',
        message: 'step "math:refuse#1[0]" failed: no, not 1',
        cause: { message: 'no, not 1' },
      },
    });
  });
});
