import { describe, expect, it } from 'vitest';
import { encodeJson, findUnstorableText, isPlainJson, MAX_DEPTH, toStorableText } from './json.ts';

describe('isPlainJson', () => {
  const nest = (depth: number): unknown => Array.from({ length: depth }).reduce((inner) => [{ inner }], 1);

  it('lets pass what comes back as it was', () => {
    const values = [null, true, 0, -1e300, '', 'ü 😀', [], {}, [[{ a: [1, 'b', null, { c: false }] }]], { proto: 1 }];
    for (const value of values) expect(isPlainJson(value)).toBe(true);
    expect(isPlainJson(nest(MAX_DEPTH / 2))).toBe(true);
  });

  it('stops at everything else, wherever it is', () => {
    const faulty = [
      '1e999',
      '-1e999',
      '"\\u0000"',
      '"\\ud800"',
      '"\\udc00"',
      '{"__proto__":1}',
      '{"\\u0000":1}',
      '{"\\ud83d":1}',
    ];
    for (const json of faulty)
      for (const text of [json, `[1, ${json}]`, `{"a": {"b": ${json}}}`])
        expect(isPlainJson(JSON.parse(text))).toBe(false);
    expect(isPlainJson(nest(MAX_DEPTH / 2 + 1))).toBe(false);
    expect(isPlainJson(nest(100_000))).toBe(false);
  });
});

describe('findUnstorableText', () => {
  it('finds every NUL and every half of a surrogate pair, with its path', () => {
    const value = { a: 'fine', b: ['x', 'nul \0'], c: { d: '\udc00 half' }, 'bad\0key': { e: '\ud83d' } };
    expect(findUnstorableText(value, 'input')).toEqual([
      { path: 'input.b.1', message: 'must not contain NUL (U+0000): PostgreSQL cannot store it' },
      { path: 'input.c.d', message: 'must not contain half of a surrogate pair: PostgreSQL cannot store it' },
      { path: 'input', message: 'has a key with NUL (U+0000): PostgreSQL cannot store it' },
      { path: 'input.bad\0key.e', message: 'must not contain half of a surrogate pair: PostgreSQL cannot store it' },
    ]);
  });

  it('leaves everything else alone', () => {
    const value = [null, undefined, 1, true, '', '\\u0000', '\u{1f600}', '\u0001', { a: new Date(0) }];
    expect(findUnstorableText(value, '')).toEqual([]);
    expect(findUnstorableText('\0', '')).toMatchObject([{ path: '' }]);
  });
});

describe('toStorableText', () => {
  it('puts U+FFFD in the place of what cannot be stored', () => {
    expect(toStorableText('a\0b\ud83dc\u{1f600}\udc00')).toBe('a\uFFFDb\uFFFDc\u{1f600}\uFFFD');
    expect(findUnstorableText(toStorableText('\0\ud800'), '')).toEqual([]);
  });
});

describe('encodeJson', () => {
  it('encodes what JSON has, and undefined as null', () => {
    expect(encodeJson({ a: [1, 'x', null], b: undefined }, 100)).toEqual({ ok: true, json: '{"a":[1,"x",null]}' });
    expect(encodeJson(undefined, 100)).toEqual({ ok: true, json: 'null' });
    expect(encodeJson(new Date(0), 100)).toEqual({ ok: true, json: '"1970-01-01T00:00:00.000Z"' });
    expect(encodeJson('a \\u0000 that is text', 100)).toMatchObject({ ok: true });
  });

  it('measures bytes, not characters', () => {
    expect(encodeJson('üü', 6)).toMatchObject({ ok: true });
    expect(encodeJson('üü', 5)).toEqual({
      ok: false,
      fault: 'is 6 bytes of JSON; at most 5 are allowed (store a file and return its path)',
    });
  });

  it('says what is wrong', () => {
    const circular: unknown[] = [];
    circular.push(circular);
    const hostile = {
      toJSON() {
        throw 'text';
      },
    };
    const faultOf = (value: unknown) => (encodeJson(value, 100) as { fault?: string }).fault;
    expect(faultOf(1n)).toBe('is not JSON: Do not know how to serialize a BigInt');
    expect(faultOf(circular)).toContain('is not JSON: Converting circular structure');
    expect(faultOf(hostile)).toBe('is not JSON: text');
    expect(faultOf(() => 1)).toBe('is not JSON: a function cannot be stored');
    expect(faultOf(Symbol('s'))).toBe('is not JSON: a symbol cannot be stored');
    expect(faultOf('\0')).toBe('must not contain NUL (U+0000): PostgreSQL cannot store it');
    expect(faultOf({ a: { b: '\ud800' } })).toBe(
      'at a.b must not contain half of a surrogate pair: PostgreSQL cannot store it',
    );
  });
});
