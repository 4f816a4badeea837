import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { JobDefinition } from '../../src/define/job.ts';
import type { Step } from '../../src/define/pipeline.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, definePipeline, defineQueue } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';
import { childrenOf, keysOf } from './pipeline-record.ts';

const double = defineJob({
  type: 'math:double',
  input: z.object({ n: z.number() }),
  output: z.number(),
  run: ({ n }) => n * 2,
});
const keeper = defineJob({ type: 'some:keeper', input: z.object({ kept: z.any() }), run: () => null });
const absent = defineJob({ type: 'not:here', input: z.null(), run: () => null });
const large = defineJob({
  type: 'some:large',
  input: z.number(),
  output: z.string(),
  attempts: 3,
  run: (bytes) => 'x'.repeat(bytes),
});
const other = defineQueue({ name: 'other' });
const elsewhere = defineJob({ type: 'else:where', input: z.null(), queue: other, run: () => null });

const wrong = (n: unknown) => ({ n }) as { n: number };
const many = (count: number) => Array.from({ length: count }, (_none, n) => ({ n }));

const MIB = 1_048_576;

/** What is called, and what is said of it. */
const REFUSED: [string, (step: Step) => Promise<unknown>, RegExp][] = [
  ['a field', (step) => step(double, wrong('x')), /^step "math:double#1": input\.n: .*number/],
  ['no input', (step) => step(double, undefined as never), /^step "math:double#1": input: /],
  [
    'a field of one of many',
    (step) => step.all(double, [...many(3), wrong('x')]),
    /^step "math:double#1": input\[3\]\.n: /,
  ],
  ['a mapped field', (step) => step.map(double, [1, 2], (n) => wrong(n === 1 ? 1 : null)), /input\[1\]\.n: /],
  ['several fields', (step) => step(double, [] as never, { key: 'mine' }), /^step "mine": input: /],
  [
    'text that cannot be stored',
    (step) => step(double, { n: 1, text: '\0' } as never),
    /^step "math:double#1": input\.text: /,
  ],
  [
    'an option that there is not',
    (step) => step(double, { n: 1 }, { retries: 5 } as never),
    /^step "math:double#1": options\.retries: is not known here/,
  ],
  ['a field that JSON does not keep', (step) => step(keeper, { kept: undefined }), /input\.kept: /],
  ['what is no JSON', (step) => step(double, wrong(1n)), /^step "math:double#1": the input is not JSON/],
  ['a type that is not known', (step) => step(absent, null), /^step "not:here#1": .*"not:here" is not one of: /],
  [
    'what is no job',
    (step) => step({} as JobDefinition<null, null>, null),
    /^step takes a job that defineJob or definePipeline made/,
  ],
  ['nothing at all', (step) => step(undefined as never, null as never), /^step takes a job that/],
  [
    'too many items',
    (step) => step.all(double, many(10_001)),
    /^step "math:double#1": 10001 items; at most 10000 are allowed/,
  ],
  ['too many mapped items', (step) => step.map(double, many(10_001), (item) => item), /10001 items; at most 10000/],
  [
    'what is no list',
    (step) => step.all(double, { n: 1 } as never),
    /^step "math:double#1": the items must be an array/,
  ],
  ['a mapped text', (step) => step.map(double, 'abc' as never, () => ({ n: 1 })), /the items must be an array/],
  [
    'attempts out of range',
    (step) => step(double, { n: 1 }, { attempts: 0 }),
    /^step "math:double#1": options\.attempts: /,
  ],
  ['a timeout out of range', (step) => step(double, { n: 1 }, { timeoutMs: -1 }), /options\.timeoutMs: /],
  ['a priority out of range', (step) => step(double, { n: 1 }, { priority: 101 }), /options\.priority: /],
  [
    'a backoff',
    (step) => step(double, { n: 1 }, { backoff: { type: 'fixed', delayMs: -5 } }),
    /options\.backoff\.delayMs: /,
  ],
  [
    'a queue that nobody serves',
    (step) => step(double, { n: 1 }, { queue: 'nowhere' }),
    /options\.queue: no worker serves "nowhere"/,
  ],
  [
    'what failures do',
    (step) => step(double, { n: 1 }, { onFailure: 'stop' as never }),
    /onFailure: must be "fail" or "continue"/,
  ],
  [
    'no concurrency',
    (step) => step.all(double, many(2), { concurrency: 0 }),
    /concurrency: must be a whole number from 1/,
  ],
  [
    'half a concurrency',
    (step) => step.all(double, many(2), { concurrency: 1.5 }),
    /concurrency: must be a whole number from 1/,
  ],
  ['an empty key', (step) => step(double, { n: 1 }, { key: '' }), /^a step's key must be 1 to 200 characters/],
  [
    'a long key',
    (step) => step(double, { n: 1 }, { key: 'k'.repeat(201) }),
    /^a step's key must be 1 to 200 characters/,
  ],
  ['a key with a line break', (step) => step(double, { n: 1 }, { key: 'a\nb' }), /^a step's key must be/],
  ['a pause into the past', (step) => step.sleep(-1), /^step\.sleep takes milliseconds from 0 to 316224000000, not -1/],
  ['a pause of no length', (step) => step.sleep(Number.NaN), /^step\.sleep takes milliseconds .*not NaN/],
  ['a pause without end', (step) => step.sleep(Infinity), /^step\.sleep takes milliseconds .*not Infinity/],
  ['a pause in words', (step) => step.sleep('1h' as never), /^step\.sleep takes milliseconds .*not 1h/],
  ['an event without a name', (step) => step.waitForEvent(''), /^step\.waitForEvent: the name must be letters/],
  ['an event with a slash', (step) => step.waitForEvent('a/b'), /^step\.waitForEvent: the name must be letters/],
  ['an event with a long name', (step) => step.waitForEvent('e'.repeat(101)), /^step\.waitForEvent: the name /],
  [
    'a wait that is too long',
    (step) => step.waitForEvent('e', { timeoutMs: 4e11 }),
    /^step\.waitForEvent: timeoutMs takes/,
  ],
];

describe.each<TransportName>(['postgres', 'bullmq'])('a call of a step on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  /** Runs a pipeline of this code to its end. */
  async function run(code: (step: Step) => Promise<unknown>, jobs: readonly JobDefinition[] = []) {
    const pipeline = definePipeline({ type: 'some:pipeline', input: z.null(), run: (_input, { step }) => code(step) });
    const harness = await start([double, keeper, large, elsewhere, ...jobs, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    return { harness, job: await harness.ended(id) };
  }

  it('is refused where it is made, naming the step and the field, and nothing is recorded', async () => {
    const pipeline = definePipeline({
      type: 'some:refused',
      input: z.number(),
      output: z.array(z.string()),
      async run(index, { step }) {
        const [, call] = REFUSED[index] ?? [];
        await call?.(step);
        return [];
      },
    });
    const harness = await start([double, keeper, large, elsewhere, pipeline]);
    await harness.startWorker();
    const jobs = await Promise.all(REFUSED.map((_case, index) => harness.enqueue(pipeline, index)));
    const ended = await harness.allEnded(jobs);
    for (const [index, [what, , message]] of REFUSED.entries()) {
      const { status, reason, attempt, error } = ended[index] ?? {};
      expect({ what, status, reason, attempt, error }).toMatchObject({
        what,
        status: 'failed',
        reason: 'non_retryable',
        attempt: 1,
        error: { message: expect.stringMatching(message) },
      });
      expect(error?.message.length).toBeLessThan(2000);
    }
    expect(await harness.sql('select 1 from longshore.pipeline_steps')).toEqual([]);
    expect(await harness.sql('select 1 from longshore.jobs where parent_id is not null')).toEqual([]);
  });

  it('that is refused can be caught, and those after it go on', async () => {
    const { harness, job } = await run(async (step) => {
      const message = await step(double, wrong('x')).catch((error: Error) => error.name);
      const others = await Promise.allSettled([step(double, { n: 2 }), step(absent, null), step(double, { n: 3 })]);
      return [message, ...others.map((other) => (other.status === 'fulfilled' ? other.value : other.reason.name))];
    });
    expect(job).toMatchObject({ error: null, output: ['NonRetryableError', 4, 'NonRetryableError', 6] });
    expect(await keysOf(harness, job.id)).toEqual(['math:double#2', 'math:double#3']);
  });

  it('cannot have the key of another one', async () => {
    const { job } = await run((step) =>
      Promise.all([step(double, { n: 1 }, { key: 'same' }), step.sleep(0, { key: 'same' })]),
    );
    expect(job).toMatchObject({
      status: 'failed',
      reason: 'non_retryable',
      error: { message: 'the step key "same" is used twice; give each call a key of its own' },
    });
  });

  it('has the key that it was given, or one of what it calls and how often', async () => {
    const { harness, job } = await run(async (step) => {
      await step(double, { n: 1 });
      await step(double, { n: 1 }, { key: 'Schlüssel 🔑 №1' });
      await step.all(double, many(2));
      await step.map(double, [5], (n) => ({ n }), { key: 'mapped' });
      await step.sleep(0);
      await step.sleep(0, { key: 'rest' });
      await step.waitForEvent('approved', { timeoutMs: 0 });
      return step.all(double, []);
    });
    expect(job).toMatchObject({ error: null, status: 'completed', output: [], steps: 7 });
    expect(await keysOf(harness, job.id)).toEqual([
      'math:double#1',
      'Schlüssel 🔑 №1',
      'math:double#2',
      'mapped',
      'sleep#1',
      'rest',
      'approved#1',
    ]);
  });

  it('gives its options to the job, which has the tenant and the priority of the pipeline', async () => {
    const pipeline = definePipeline({
      type: 'some:pipeline',
      input: z.null(),
      async run(_input, { step }) {
        await step(double, { n: 1 });
        await step(double, { n: 1 }, { priority: -3, attempts: 7, timeoutMs: 1234, queue: 'other' });
      },
    });
    const harness = await start([double, keeper, elsewhere, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null, { tenant: 'acme', priority: 9 });
    expect(await harness.ended(id)).toMatchObject({ error: null });
    const [plain, special] = await childrenOf(harness, id);
    expect(await harness.job(plain?.id ?? '')).toMatchObject({
      tenant: 'acme',
      priority: 9,
      queue: 'math',
      parentId: id,
    });
    expect(await harness.job(special?.id ?? '')).toMatchObject({
      tenant: 'acme',
      priority: -3,
      maxAttempts: 7,
      timeoutMs: 1234,
      queue: 'other',
    });
  });

  it('fails when its job returns more than 1 MiB, at once and with advice', async () => {
    const { harness, job } = await run(async (step) => {
      const fits = await step(large, MIB - 2); // as JSON it has two quotes more
      return [fits.length, await step(large, MIB - 1)];
    });
    expect(job).toMatchObject({
      status: 'failed',
      reason: 'step_failed',
      error: { message: expect.stringMatching(/^step "some:large#2" failed: .*file/) },
    });
    const [, failed] = await childrenOf(harness, job.id);
    expect(failed).toMatchObject({ key: 'some:large#2', status: 'failed', attempt: 1 });
  });

  it('is refused when pipelines would call each other in a circle', async () => {
    const jobs: JobDefinition<null, unknown>[] = [];
    for (const [index, type] of ['ring:a', 'ring:b', 'ring:c'].entries()) {
      const next = (index + 1) % 3;
      const call = (step: Step) => step(jobs[next] as JobDefinition<null, unknown>, null);
      jobs.push(definePipeline({ type, input: z.null(), run: (_input, { step }) => call(step) }));
    }
    const harness = await start(jobs);
    await harness.startWorker();
    const { id } = await harness.enqueue(jobs[0] as JobDefinition<null, unknown>, null);
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      reason: 'step_failed',
      error: { message: expect.stringContaining('call each other in a circle: ring:a → ring:b → ring:c → ring:a') },
    });
    expect(await harness.sql('select 1 from longshore.jobs')).toHaveLength(3);
  });

  it('nests pipelines ten deep, and no deeper', async () => {
    const levels: JobDefinition<number, number>[] = [];
    for (let level = 1; level <= 11; level += 1) {
      const pipeline = definePipeline({
        type: `level:${level}`,
        input: z.number(),
        output: z.number(),
        run: async (bottom, { step }) => {
          const next = levels[level];
          return level === bottom || !next ? level : step(next, bottom);
        },
      });
      levels.push(pipeline);
    }
    const harness = await start(levels);
    await harness.startWorker({ concurrency: 1 });
    const top = levels[0] as JobDefinition<number, number>;
    const [ten, eleven] = [await harness.enqueue(top, 10), await harness.enqueue(top, 11)];
    expect(await harness.ended(ten.id)).toMatchObject({ error: null, status: 'completed', output: 10 });
    expect(await harness.ended(eleven.id)).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('pipelines can be nested 10 deep, not deeper: level:1 → level:2') },
    });
  });
});
