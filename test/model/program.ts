import fc from 'fast-check';
import { z } from 'zod';
import type { JobDefinition } from '../../src/define/job.ts';
import type { Step } from '../../src/define/pipeline.ts';
import { defineJob, definePipeline, StepError } from '../../src/index.ts';
import { pause } from '../../src/shared/time.ts';

/** What a pipeline does with a number, as data: so that a pipeline can run it, and a plain function can say the result. */
export type Program =
  | { kind: 'call' | 'flaky' | 'fail' | 'sleep' }
  | { kind: 'many'; count: number; concurrency: number; brokenAt: number; isLenient: boolean }
  | { kind: 'in turn' | 'at once'; parts: Program[] }
  | { kind: 'try' | 'nest'; body: Program };

/** Whether its calls have keys; then its code also takes its time between them, which changes their order. */
export type KeyStyle = 'given' | 'by order';

const MODULUS = 1_000_003;
const double = (value: number) => (value * 2 + 1) % MODULUS;
const sum = (values: readonly number[]) => values.reduce((total, value) => (total + value) % MODULUS, 0);
const caught = (value: number) => value + 7;

/** @returns what a program makes of a number; undefined when a step of it fails and nobody catches that */
export function evaluate(program: Program, value: number): number | undefined {
  switch (program.kind) {
    case 'call':
    case 'flaky':
      return double(value);
    case 'fail':
      return undefined;
    case 'sleep':
      return value;
    case 'many': {
      const { count, brokenAt, isLenient } = program;
      if (brokenAt < count && !isLenient) return undefined;
      return sum(Array.from({ length: count }, (_none, place) => (place === brokenAt ? 0 : double(value + place))));
    }
    case 'in turn':
      return program.parts.reduce<number | undefined>(
        (last, part) => (last === undefined ? undefined : evaluate(part, last)),
        value,
      );
    case 'at once': {
      const results = program.parts.map((part, place) => evaluate(part, value + place));
      return results.includes(undefined) ? undefined : sum(results as number[]);
    }
    case 'try':
      return evaluate(program.body, value) ?? caught(value);
    case 'nest':
      return evaluate(program.body, value);
  }
}

const work = defineJob({
  type: 'model:work',
  input: z.object({ value: z.number(), how: z.enum(['well', 'late', 'never']) }),
  output: z.number(),
  attempts: 2,
  backoff: { type: 'fixed', delayMs: 1 },
  async run({ value, how }, { attempt }) {
    await pause(value % 4);
    if (how === 'never' || (how === 'late' && attempt === 1)) throw new Error('as designed');
    return double(value);
  },
});

const input = z.object({ program: z.custom<Program>(), value: z.number(), keys: z.enum(['given', 'by order']) });
type ProgramJob = JobDefinition<z.input<typeof input>, number>;

async function run(step: Step, inner: ProgramJob | undefined, program: Program, value: number, keys: KeyStyle) {
  /** @param path where a part is within the program */
  async function runPart(part: Program, value: number, path: string): Promise<number> {
    const key = keys === 'given' ? { key: path } : {};
    if (keys === 'given') await pause(value % 5);
    switch (part.kind) {
      case 'call':
        return step(work, { value, how: 'well' }, key);
      case 'flaky':
        return step(work, { value, how: 'late' }, key);
      case 'fail':
        return step(work, { value, how: 'never' }, { ...key, attempts: 1 });
      case 'sleep':
        await step.sleep(value % 10, key);
        return value;
      case 'many': {
        const items = Array.from({ length: part.count }, (_none, place) => ({
          value: value + place,
          how: place === part.brokenAt ? ('never' as const) : ('well' as const),
        }));
        const options = { ...key, attempts: 1, concurrency: part.concurrency };
        const results = part.isLenient
          ? await step.all(work, items, { ...options, onFailure: 'continue' })
          : await step.all(work, items, options);
        return sum(results.map((result) => result ?? 0));
      }
      case 'in turn': {
        let last = value;
        for (const [place, one] of part.parts.entries()) last = await runPart(one, last, `${path}.${place}`);
        return last;
      }
      case 'at once':
        return sum(await Promise.all(part.parts.map((one, place) => runPart(one, value + place, `${path}.${place}`))));
      case 'try':
        try {
          return await runPart(part.body, value, `${path}.try`);
        } catch (error) {
          if (!(error instanceof StepError)) throw error;
          return caught(value);
        }
      case 'nest':
        if (inner) return step(inner, { program: part.body, value, keys }, key);
        return runPart(part.body, value, `${path}.nest`);
    }
  }
  return runPart(program, value, 'all');
}

const inner: ProgramJob = definePipeline({
  type: 'model:inner',
  queue: 'model',
  input,
  output: z.number(),
  run: ({ program, value, keys }, { step }) => run(step, undefined, program, value, keys),
});

/** Runs programs. */
export const outer: ProgramJob = definePipeline({
  type: 'model:outer',
  queue: 'model',
  input,
  output: z.number(),
  run: ({ program, value, keys }, { step }) => run(step, inner, program, value, keys),
});

export const programJobs = [work, inner, outer];

const parts = fc.letrec<{ program: Program }>((tie) => ({
  program: fc.oneof(
    { depthSize: 'small' },
    { weight: 3, arbitrary: fc.constant<Program>({ kind: 'call' }) },
    { weight: 1, arbitrary: fc.constantFrom<Program>({ kind: 'fail' }, { kind: 'sleep' }, { kind: 'flaky' }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('many' as const),
        count: fc.integer({ min: 0, max: 5 }),
        concurrency: fc.integer({ min: 1, max: 6 }),
        brokenAt: fc.integer({ min: 0, max: 20 }),
        isLenient: fc.boolean(),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constantFrom('in turn' as const, 'at once' as const),
        parts: fc.array(tie('program'), { minLength: 2, maxLength: 3, size: 'max' }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constantFrom('try' as const, 'nest' as const), body: tie('program') }),
    },
  ),
})).program;

/** Of several parts, since what is difficult happens between them. */
export const programs: fc.Arbitrary<Program> = fc.record({
  kind: fc.constantFrom('in turn' as const, 'at once' as const),
  parts: fc.array(parts, { minLength: 2, maxLength: 5, size: 'max' }),
});
