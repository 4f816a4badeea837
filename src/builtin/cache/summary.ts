import type { StoredFile } from '../../define/files.ts';
import type { UrlResult, WarmOutput } from './warm-schema.ts';

const MAX_FAILURES = 100;
const MAX_SLOWEST = 10;

/** What of the results fits an output. */
export function summarize(
  results: readonly UrlResult[],
  file: StoredFile,
  sitemaps: WarmOutput['sitemaps'],
): WarmOutput {
  const failed = results.filter(({ error }) => error !== undefined);
  const warmed = results.filter(({ error, skipped }) => error === undefined && skipped === undefined);
  const count = (state: 'hit' | 'miss' | null) => warmed.filter(({ cache }) => cache.state === state).length;
  return {
    urls: results.length,
    warmed: warmed.length,
    failed: failed.length,
    skipped: results.length - failed.length - warmed.length,
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    cache: { hits: count('hit'), misses: count('miss'), unknown: count(null) },
    statuses: countStatuses(results),
    slowest: warmed
      .toSorted((a, b) => b.ms - a.ms)
      .slice(0, MAX_SLOWEST)
      .map(({ url, ms }) => ({ url, ms })),
    failures: failed.slice(0, MAX_FAILURES).map(({ url, status, error = '' }) => ({ url, status, error })),
    results: { key: file.key, url: file.url, bytes: file.bytes },
    sitemaps,
  };
}

function countStatuses(results: readonly UrlResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of results) {
    if (status !== null) counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}
