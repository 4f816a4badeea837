import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';

const LIMIT = 2048;
const circular: Record<string, unknown> = {};
circular.self = circular;
const deep = () => {
  let value: unknown = 0;
  for (let depth = 0; depth < 200_000; depth += 1) value = [value];
  return value;
};

/** What a handler returns, and what the record says of it. */
const refused: Record<string, [make: () => unknown, message: string | RegExp]> = {
  bigint: [() => ({ n: 1n }), 'the output is not JSON: Do not know how to serialize a BigInt'],
  circular: [() => circular, /^the output is not JSON: Converting circular structure/],
  function: [() => () => 1, 'the output is not JSON: a function cannot be stored'],
  symbol: [() => Symbol('s'), 'the output is not JSON: a symbol cannot be stored'],
  'too large': [
    () => 'x'.repeat(LIMIT),
    `the output is ${LIMIT + 2} bytes of JSON; at most ${LIMIT} are allowed (store a file and return its path)`,
  ],
  NUL: [() => ({ a: ['b\0'] }), 'the output at a.0 must not contain NUL (U+0000): PostgreSQL cannot store it'],
  'NUL in a key': [() => ({ 'k\0': 1 }), 'the output has a key with NUL (U+0000): PostgreSQL cannot store it'],
  'half a pair': [() => '\ud83d', 'the output must not contain half of a surrogate pair: PostgreSQL cannot store it'],
  'too deep': [deep, /^the output is not JSON: Maximum call stack/],
  'hostile toJSON': [
    () => ({
      toJSON() {
        throw new Error('no');
      },
    }),
    'the output is not JSON: no',
  ],
};

const kept: Record<string, [value: unknown, stored: unknown]> = {
  undefined: [undefined, null],
  null: [null, null],
  false: [false, false],
  zero: [0, 0],
  'empty text': ['', ''],
  date: [new Date(0), '1970-01-01T00:00:00.000Z'],
  'undefined within': [{ a: undefined, b: [undefined] }, { b: [null] }],
  'escaped text': ['\\u0000 is not NUL', '\\u0000 is not NUL'],
  emoji: ['\u{1f600}', '\u{1f600}'],
  'as large as allowed': ['x'.repeat(LIMIT - 2), 'x'.repeat(LIMIT - 2)],
};

describe.each<TransportName>(['postgres', 'bullmq'])('an output on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('that the record cannot hold fails its own job with a clear message, and nothing else', async () => {
    const bad = defineJob({ type: 'bad:output', input: z.string(), run: (name) => refused[name]?.[0]() });
    const good = defineJob({ type: 'good:output', input: z.null(), run: () => 'good' });
    const harness = await start([bad, good], { settings: { MAX_OUTPUT_BYTES: String(LIMIT) } });
    const worker = await harness.startWorker();
    const names = Object.keys(refused);
    const jobs = await Promise.all(names.map((name) => harness.enqueue(bad, name)));
    const others = await Promise.all(names.map(() => harness.enqueue(good, null)));
    for (const [index, { id }] of jobs.entries()) {
      const message = refused[names[index] ?? '']?.[1];
      const job = await harness.ended(id);
      expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1, output: null });
      expect(job.error).toMatchObject({
        name: 'InvalidOutputError',
        message: message instanceof RegExp ? expect.stringMatching(message) : message,
      });
    }
    for (const { id } of others) expect(await harness.ended(id)).toMatchObject({ output: 'good' });
    expect(worker.getHealth()).toMatchObject({ status: 'ok' });
  });

  it('is kept as JSON has it', async () => {
    const good = defineJob({ type: 'good:output', input: z.string(), run: (name) => kept[name]?.[0] });
    const harness = await start([good], { settings: { MAX_OUTPUT_BYTES: String(LIMIT) } });
    await harness.startWorker();
    for (const [name, [, stored]] of Object.entries(kept)) {
      const { id } = await harness.enqueue(good, name);
      expect([name, await harness.ended(id)]).toEqual([
        name,
        expect.objectContaining({ status: 'completed', output: stored }),
      ]);
    }
  });

  it('is checked and changed by its schema; all its faults are told', async () => {
    const output = z.object({ n: z.number().default(7), s: z.string().trim() });
    const checked = defineJob({
      type: 'checked:output',
      input: z.boolean(),
      output,
      run: (isGood) => (isGood ? { s: '  text ' } : ({ n: 'x', s: 1 } as unknown as { s: string })),
    });
    const harness = await start([checked]);
    await harness.startWorker();
    const good = await harness.enqueue(checked, true);
    const bad = await harness.enqueue(checked, false);
    expect(await harness.ended(good.id)).toMatchObject({ status: 'completed', output: { n: 7, s: 'text' } });
    const { error, reason } = await harness.ended(bad.id);
    expect(reason).toBe('non_retryable');
    expect(error?.message).toContain('output.n: ');
    expect(error?.message).toContain('output.s: ');
  });

  it('whose schema throws fails its job, once', async () => {
    let runs = 0;
    const output = z.string().transform(() => {
      throw new TypeError('the schema is broken');
    });
    const run = () => {
      runs += 1;
      return 'done' as never;
    };
    const job = defineJob({ type: 'broken:output', input: z.null(), output, run });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      reason: 'non_retryable',
      attempt: 1,
      error: { name: 'TypeError', message: 'the schema is broken' },
    });
    expect(runs).toBe(1);
  });
});
