import { describe, expect, it } from 'vitest';
import { NonRetryableError } from '../../define/errors.ts';
import { findNext, findNextLink, type Paging, toPageUrl } from './rest-paging.ts';

const BASE = 'https://shop.example.com/api?shop=1';
const page = (more: object) => ({ body: {}, records: 2, url: BASE, link: null, ...more });

describe('findNextLink', () => {
  it.each([
    ['<https://a/2>; rel="next"', 'https://a/2'],
    ['<https://a/1>; rel="first", <https://a/2?x=1,2>; rel="next"', 'https://a/2?x=1,2'],
    ['<https://a/2>; title="a, b; c"; rel=next', 'https://a/2'],
    ['</2>;REL="last NEXT"', '/2'],
    ['<https://a/1>; rel="prev"', undefined],
    ['<https://a/1>; rel="nextish"', undefined],
    ['<https://a/1>; title="rel=next"', undefined],
    ['', undefined],
    [null, undefined],
  ])('reads %s', (header, target) => {
    expect(findNextLink(header)).toBe(target);
  });
});

describe('a page', () => {
  it('is asked for with its place and its size', () => {
    const at = (paging: Paging, position: { at: string | number } | null) => toPageUrl(BASE, paging, position, 50);
    expect(at({ type: 'none' }, null)).toBe(BASE);
    expect(at({ type: 'cursor', cursorPath: 'next', parameter: 'after' }, null)).toBe(BASE);
    expect(at({ type: 'cursor', cursorPath: 'next', parameter: 'after' }, { at: 'a b&c' })).toBe(
      `${BASE}&after=a+b%26c`,
    );
    expect(at({ type: 'page', parameter: 'page', first: 1, sizeParameter: 'per' }, null)).toBe(`${BASE}&per=50&page=1`);
    expect(at({ type: 'offset', parameter: 'skip' }, { at: 100 })).toBe(`${BASE}&skip=100`);
    expect(at({ type: 'link' }, { at: 'https://shop.example.com/api?p=2' })).toBe('https://shop.example.com/api?p=2');
  });

  it('is never asked for on another origin, also when the cursor comes from a caller', () => {
    for (const url of ['https://evil.example.com/api', 'http://shop.example.com/api', 'file:///etc/passwd', 'x']) {
      expect(() => toPageUrl(BASE, { type: 'link' }, { at: url }, 50)).toThrow(NonRetryableError);
      if (url === 'x') continue; // relative, so it is of this origin
      const link = `<${url}>; rel="next"`;
      expect(() => findNext(BASE, { type: 'link' }, null, page({ link }))).toThrow('another origin');
    }
  });

  it('says where the next one is, or that it was the last', () => {
    const cursor: Paging = { type: 'cursor', cursorPath: 'meta.next', parameter: 'after' };
    const nextAfter = (next: unknown) => findNext(BASE, cursor, null, page({ body: { meta: { next } } }));
    expect(nextAfter('abc')).toEqual({ at: 'abc' });
    expect(nextAfter(0)).toEqual({ at: 0 });
    for (const none of [null, undefined, '', false]) expect(nextAfter(none)).toBeNull();
    expect(() => nextAfter({})).toThrow(NonRetryableError);
    const counted: Paging = { type: 'page', parameter: 'page', first: 0 };
    expect(findNext(BASE, counted, null, page({}))).toEqual({ at: 1 });
    expect(findNext(BASE, counted, { at: 4 }, page({ records: 0 }))).toBeNull();
    expect(findNext(BASE, { type: 'offset', parameter: 'o' }, { at: 4 }, page({}))).toEqual({ at: 6 });
    expect(findNext(BASE, { type: 'link' }, null, page({ link: '<?p=2>; rel=next' }))).toEqual({
      at: 'https://shop.example.com/api?p=2',
    });
  });

  it('is an error when it leads to itself', () => {
    const cursor: Paging = { type: 'cursor', cursorPath: 'next', parameter: 'after' };
    const again = () => findNext(BASE, cursor, { at: 'a' }, page({ body: { next: 'a' } }));
    expect(again).toThrow('the same cursor again');
    const link = `<${BASE}>; rel="next"`;
    expect(() => findNext(BASE, { type: 'link' }, null, page({ link }))).toThrow('no usable URL');
  });
});
