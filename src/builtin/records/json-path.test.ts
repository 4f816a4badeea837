import { describe, expect, it } from 'vitest';
import { jsonPathSchema, parseJson, readId, readPath } from './json-path.ts';

describe('readPath', () => {
  it('finds what stands there, and nothing that the language brings along', () => {
    const value = { a: { b: [{ c: 1 }] }, '': 2 };
    expect(readPath(value, '')).toBe(value);
    expect(readPath(value, 'a.b.0.c')).toBe(1);
    for (const path of ['a.x', 'a.b.1.c', 'a.b.length.x', 'constructor', '__proto__', 'a.b.0.c.d']) {
      expect(readPath(value, path)).toBeUndefined();
    }
    for (const path of ['.', 'a.', '.a', 'a..b']) expect(jsonPathSchema.safeParse(path).success).toBe(false);
  });
});

describe('parseJson', () => {
  it.each([
    '{"id":12345678901234567890,"n":[0.10000000000000000001,-1e400,1]}',
    '{"a":123456789012345,"b":"12345678901234567890"}',
  ])('writes back what it has read: %s', (text) => {
    expect(JSON.stringify(parseJson(text))).toBe(text);
  });

  it('takes numbers for text that PostgreSQL would write with a thousand zeros', () => {
    const text = '{"id":12345678901234567890,"n":[1e131071,-1.5E+01000,1e-16000]}';
    expect(JSON.stringify(parseJson(text))).toBe(
      '{"id":12345678901234567890,"n":["1e131071","-1.5E+01000","1e-16000"]}',
    );
  });

  it('reads ids with all their digits', () => {
    expect(readId(parseJson('{"id": 12345678901234567890}'), 'id')).toBe('12345678901234567890');
    expect(readId({ id: 7 }, 'id')).toBe('7');
    expect(readId({ a: { key: 'x' } }, 'a.key')).toBe('x');
    for (const id of [null, '', true, {}, []]) expect(() => readId({ id }, 'id')).toThrow('could be its id');
  });
});
