import { describe, expect, it } from 'vitest';
import { compileFilter, compileGlob } from './glob.ts';

describe('compileGlob', () => {
  it.each<[string, string, boolean]>([
    ['abc', 'abc', true],
    ['abc', 'abcd', false],
    ['a*c', 'ac', true],
    ['a*c', 'a/b/c', true],
    ['a*c', 'acb', false],
    ['*', '', true],
    ['*b*', 'abc', true],
    ['a*b*b', 'ab', false],
    ['a*b*b', 'abb', true],
    ['ab*ba', 'aba', false],
    ['a**c', 'abc', true],
    ['*.(jpg)+$', 'x.(jpg)+$', true],
  ])('%s fits %s: %s', (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected);
  });
});

describe('compileFilter', () => {
  it('takes everything without patterns, else what is included and not excluded', () => {
    expect(compileFilter([], [])('x')).toBe(true);
    const filter = compileFilter(['/a/*', '/b/*'], ['*.pdf']);
    expect(['/a/x', '/b/x', '/c/x', '/a/x.pdf'].filter(filter)).toEqual(['/a/x', '/b/x']);
  });
});
