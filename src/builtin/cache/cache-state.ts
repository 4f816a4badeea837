import type { UrlResult } from './warm-schema.ts';

const MAX_VALUE = 200;

/** How caches and CDNs say whether they had the answer: the standard (RFC 9211) first, then what is in use. */
const stateHeaders = [
  ...['cache-status', 'cf-cache-status', 'x-cache', 'x-cache-status', 'x-vercel-cache', 'x-nextjs-cache'],
  ...[
    'x-proxy-cache',
    'x-litespeed-cache',
    'x-drupal-cache',
    'cdn-cache',
    'server-timing',
    'x-served-by',
    'x-cache-hits',
  ],
];
/** Kept in the result, but they tell other things too. */
const silentHeaders: readonly string[] = ['server-timing', 'x-served-by', 'x-cache-hits'];

export function readCacheState(headers: Headers): UrlResult['cache'] {
  const get = (name: string) => headers.get(name)?.slice(0, MAX_VALUE) ?? null;
  const found = stateHeaders.flatMap((name) => {
    const value = get(name);
    return value === null ? [] : [[name, value] as const];
  });
  const age = /^\d{1,9}$/.exec(headers.get('age') ?? '')?.[0];
  return {
    state: judge(found, age === undefined ? null : Number(age)),
    cacheControl: get('cache-control'),
    age: age === undefined ? null : Number(age),
    etag: get('etag'),
    headers: Object.fromEntries(found),
  };
}

// Of several caches in a row the last one named is nearest to us, and a hit anywhere spared the origin.
function judge(found: readonly (readonly [string, string])[], age: number | null): UrlResult['cache']['state'] {
  const told = found.filter(([name]) => !silentHeaders.includes(name)).map(([, value]) => value);
  if (told.some((value) => /\bhit\b/i.test(value))) return 'hit';
  if (told.some((value) => /\b(miss|fwd=|expired|bypass|dynamic|stale|revalidated)/i.test(value))) return 'miss';
  return age !== null && age > 0 ? 'hit' : null;
}
