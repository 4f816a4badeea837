import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineJob, definePipeline, type PipelineContext, z } from '../index.ts';

const script = defineJob({
  type: 'film:script',
  input: z.object({ text: z.string(), scenes: z.int().default(3) }),
  output: z.object({ lines: z.array(z.string()) }),
  run: ({ text, scenes }) => ({ lines: Array<string>(scenes).fill(text) }),
});
const inner = definePipeline({
  type: 'film:inner',
  input: z.object({ n: z.coerce.number() }),
  output: z.date().transform((date) => date.toISOString()),
  run: () => new Date(0),
});
type Script = { lines: string[] };

/** Checked by the compiler; it never runs. */
async function callSteps({ step }: PipelineContext, text: string, onFailure: 'fail' | 'continue') {
  expectTypeOf(await step(script, { text })).toEqualTypeOf<Script>();
  expectTypeOf(await step(script, { text, scenes: 1 }, { onFailure: 'fail' })).toEqualTypeOf<Script>();
  expectTypeOf(await step(script, { text }, { onFailure: 'continue' })).toEqualTypeOf<Script | undefined>();
  expectTypeOf(await step(script, { text }, { onFailure })).toEqualTypeOf<Script | undefined>();
  expectTypeOf(await step(inner, { n: '1' })).toEqualTypeOf<string>();

  const inputs = [{ text }, { text, scenes: 1 }] as const;
  expectTypeOf(await step.all(script, inputs, { concurrency: 2 })).toEqualTypeOf<Script[]>();
  expectTypeOf(await step.all(script, inputs, { onFailure })).toEqualTypeOf<(Script | undefined)[]>();
  const toInput = (word: string, index: number) => ({ text: word, scenes: index });
  expectTypeOf(await step.map(script, text.split(' '), toInput)).toEqualTypeOf<Script[]>();
  expectTypeOf(await step.map(script, [text], toInput, { onFailure })).toEqualTypeOf<(Script | undefined)[]>();

  expectTypeOf(await step.waitForEvent('go')).toEqualTypeOf<unknown>();
  expectTypeOf(await step.waitForEvent<{ by: string }>('go')).toEqualTypeOf<{ by: string } | null>();

  // @ts-expect-error: the field has another name
  await step(script, { txt: text });
  // @ts-expect-error: it has another type
  await step(script, { text: 1 }, { onFailure: 'continue' });
  // @ts-expect-error: one of them is wrong
  await step.all(script, [{ text }, { text: 1 }]);
  // @ts-expect-error: a text is no input
  await step.map(script, [text], (word) => word);
  // @ts-expect-error: a single job has no concurrency
  await step(script, { text }, { concurrency: 2 });
}

describe('definePipeline', () => {
  it('types the calls of its steps', () => {
    expectTypeOf(callSteps).returns.resolves.toBeVoid();
  });

  it('makes a job that says so, and that other pipelines can call', () => {
    expect(inner).toMatchObject({ kind: 'longshore.job', type: 'film:inner', isPipeline: true });
    expect(script.isPipeline).toBe(false);
  });

  it('refuses what defineJob refuses, a missing function too', () => {
    const wrong = { type: 'film:wrong', input: z.null() };
    expect(() => definePipeline({ ...wrong, run: undefined as never })).toThrow(/run must be a function/);
    expect(() => definePipeline({ ...wrong, run: () => null, attempts: 0 })).toThrow(/attempts is 0/);
  });
});
