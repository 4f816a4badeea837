import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob } from './job.ts';
import { defineQueue, type RateLimit } from './queue.ts';
import { createRegistry, parseWith, toJsonSchema } from './registry.ts';

const job = (type: string, more: object = {}) => defineJob({ type, input: z.null(), run: () => null, ...more });

describe('createRegistry', () => {
  it('collects definitions by type and their queues by name', () => {
    const registry = createRegistry([job('a:one'), job('a:two', { concurrency: 3 }), job('b:one')]);
    expect([...registry.definitions.keys()]).toEqual(['a:one', 'a:two', 'b:one']);
    expect([...registry.queues.values()]).toEqual([{ name: 'a', concurrency: 3 }, { name: 'b' }]);
  });

  it('takes one definition that is exported twice for one', () => {
    const one = job('a:one');
    expect(createRegistry([one, one]).definitions.size).toBe(1);
  });

  it('refuses two definitions of one type, even when they are alike', () => {
    expect(() => createRegistry([job('a:one'), job('a:one')])).toThrow('job type "a:one" is defined twice');
    expect(() => createRegistry([job('a:one'), job('a:one')])).toThrow(
      expect.objectContaining({ code: 'INVALID_DEFINITION' }),
    );
  });

  it('merges what several jobs say of one queue, and refuses what does not agree', () => {
    const rateLimit = { max: 1, durationMs: 1000 };
    const agreed = createRegistry([
      job('a:one', { rateLimit }),
      job('a:two', { concurrency: 2, rateLimit: { ...rateLimit } }),
      job('c:three', { queue: defineQueue({ name: 'a', transport: 'postgres' }) }),
    ]);
    expect(agreed.queues.get('a')).toEqual({ name: 'a', rateLimit, concurrency: 2, transport: 'postgres' });
    expect(() => createRegistry([job('a:one', { concurrency: 1 }), job('a:two', { concurrency: 2 })])).toThrow(
      'job "a:two" wants concurrency 2 for queue "a", which another job has set to 1; use one defineQueue(...) for both',
    );
  });

  it('puts the rate limits of an operator above those of the definitions, and changes no definition', () => {
    const queue = defineQueue({ name: 'a', rateLimit: { max: 1, durationMs: 1000 } });
    const limits = (findRateLimit: (name: string) => RateLimit | 'none' | undefined) =>
      [...createRegistry([job('a:one', { queue }), job('b:one')], { findRateLimit }).queues.values()].map(
        ({ rateLimit }) => rateLimit,
      );
    const wanted = { max: 50, durationMs: 1000 };
    expect(limits(() => undefined)).toEqual([queue.rateLimit, undefined]);
    expect(limits(() => wanted)).toEqual([wanted, wanted]);
    expect(limits((name) => (name === 'a' ? 'none' : undefined))).toEqual([undefined, undefined]);
    expect(queue.rateLimit).toEqual({ max: 1, durationMs: 1000 });
  });
});

describe('parseWith', () => {
  const schema = z.object({ a: z.string().trim(), list: z.array(z.object({ n: z.int() })) });

  it('gives what the schema made of the value', async () => {
    const parsed = await parseWith(schema, { a: ' x ', list: [], extra: 1 }, 'input');
    expect(parsed).toEqual({ ok: true, value: { a: 'x', list: [] } });
  });

  it('lists every fault with its dotted path', async () => {
    const parsed = await parseWith(schema, { a: 1, list: [{ n: 1 }, { n: 'x' }] }, 'input');
    expect(parsed).toMatchObject({ ok: false, faults: [{ path: 'input.a' }, { path: 'input.list.1.n' }] });
    expect(await parseWith(schema, null, 'input')).toMatchObject({ faults: [{ path: 'input' }] });
    expect(await parseWith(schema, null, '')).toMatchObject({ faults: [{ path: '' }] });
  });

  it('waits for checks that are not done at once', async () => {
    const slow = z.string().refine(async (value) => value === 'good', 'is not good');
    expect(await parseWith(slow, 'good', 'x')).toMatchObject({ ok: true });
    expect(await parseWith(slow, 'bad', 'x')).toEqual({ ok: false, faults: [{ path: 'x', message: 'is not good' }] });
  });
});

describe('toJsonSchema', () => {
  it('describes what a caller sends, and what the record keeps', () => {
    const schema = z.object({ when: z.string().transform(Number), limit: z.int().default(5) });
    expect(toJsonSchema(schema, 'input')).toMatchObject({
      required: ['when'],
      properties: { when: { type: 'string' } },
    });
    expect(toJsonSchema(schema, 'output')).toMatchObject({ required: ['when', 'limit'] });
    expect(toJsonSchema(z.date(), 'input')).toEqual(expect.any(Object)); // JSON Schema has no dates
  });
});
