import { describe, expect, it } from 'vitest';
import { hashJson, readKey } from './idempotency.ts';

const nest = (depth: number, innermost: unknown): unknown =>
  Array.from({ length: depth }).reduce((inner) => [inner], innermost);

describe('hashJson', () => {
  it('does not care for the order of keys, at any depth', () => {
    expect(hashJson({ a: 1, b: [{ c: 2, d: null }] })).toBe(hashJson({ b: [{ d: null, c: 2 }], a: 1 }));
  });

  it('tells everything else apart', () => {
    const values = [
      {},
      [],
      null,
      '',
      0,
      false,
      { a: 1 },
      ['a', 1],
      [['a', 1]],
      [1, 2],
      [2, 1],
      { a: '1' },
      { a: null },
    ];
    expect(new Set(values.map(hashJson)).size).toBe(values.length);
    expect(hashJson(JSON.parse('{"__proto__": 1}'))).not.toBe(hashJson({}));
  });

  it('reads as deep as anything is accepted, and survives what is deeper', () => {
    expect(hashJson(nest(500, 1))).not.toBe(hashJson(nest(500, 2)));
    expect(hashJson(nest(100_000, 1))).toMatch(/^[\w-]{43}$/);
  });
});

describe('readKey', () => {
  const read = (key: string | undefined) => readKey({ get: () => key } as never);

  it('takes 1 to 255 visible ASCII characters, and none at all', () => {
    for (const key of [undefined, 'a', '"8e03978e-40d5"', '!~', 'x'.repeat(255)]) expect(read(key)).toBe(key);
  });

  it('refuses anything else and names the header', () => {
    for (const key of ['', ' ', 'a b', 'a, b', 'ä', 'a\t', 'x'.repeat(256)]) {
      expect(() => read(key)).toThrow('Idempotency-Key: must be 1 to 255 visible ASCII characters');
    }
  });
});
