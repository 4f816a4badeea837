import { describe, expect, it } from 'vitest';
import { readCacheState } from './cache-state.ts';

describe('readCacheState', () => {
  it.each<[Record<string, string>, 'hit' | 'miss' | null]>([
    [{ 'cf-cache-status': 'HIT' }, 'hit'],
    [{ 'cf-cache-status': 'DYNAMIC' }, 'miss'],
    [{ 'x-cache': 'Miss from cloudfront' }, 'miss'],
    [{ 'x-cache': 'MISS, HIT' }, 'hit'],
    [{ 'cache-status': 'ExampleCache; hit; ttl=30' }, 'hit'],
    [{ 'cache-status': 'ExampleCache; fwd=uri-miss; stored' }, 'miss'],
    [{ age: '17' }, 'hit'],
    [{ age: '17', 'x-cache': 'MISS' }, 'miss'],
    [{ age: '0' }, null],
    [{ 'x-served-by': 'hit-parade' }, null],
    [{}, null],
  ])('takes %j for %s', (headers, state) => {
    expect(readCacheState(new Headers(headers)).state).toBe(state);
  });

  it('keeps what caches say, cut to a bounded length', () => {
    const headers = { 'cache-control': 'max-age=60', etag: '"a"', age: '3', 'x-cache': 'x'.repeat(500), other: 'y' };
    expect(readCacheState(new Headers(headers))).toEqual({
      state: 'hit',
      cacheControl: 'max-age=60',
      age: 3,
      etag: '"a"',
      headers: { 'x-cache': 'x'.repeat(200) },
    });
  });
});
