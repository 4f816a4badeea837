import { Readable } from 'node:stream';
import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { readFailure, toNetworkFailure } from '../http-failure.ts';
import { labelUrl, MAX_URL, webUrlSchema } from '../web-url.ts';
import { compileFilter } from './glob.ts';
import { readSitemap, type SitemapEntry } from './sitemap.ts';
import type { WarmInput, WarmOutput } from './warm-schema.ts';

/** An index names sitemaps; some sites nest indexes, which the protocol does not foresee. */
const MAX_LEVELS = 3;
const MAX_SITEMAPS = 1000;
const MAX_FAILURES = 20;
const TIMEOUT_MS = 120_000;
/** What an answer may have before it is unzipped; the sitemap has a limit of its own. */
const MAX_BYTES = 64 * 1024 ** 2;
const MAX_ERROR = 300;

export interface Collected {
  urls: string[];
  sitemaps: WarmOutput['sitemaps'];
}

interface Pending {
  url: string;
  level: number;
}

/**
 * Puts together what is to be warmed, each URL once.
 * @throws as `readFailure` for a sitemap that the input names, and for one that may be there later
 */
export async function collectUrls(ctx: JobContext, input: WarmInput): Promise<Collected> {
  const urls = new Set<string>();
  const sitemaps: WarmOutput['sitemaps'] = { read: 0, failures: [], ignored: 0, isTruncated: false };
  const add = (url: string) => {
    if (urls.size < input.maxUrls) urls.add(url);
    else if (!urls.has(url)) sitemaps.isTruncated = true;
  };
  for (const url of input.urls) add(new URL(url).href);

  const isWanted = compileFilter(input.include, input.exclude);
  const pending: Pending[] = input.sitemaps.map((url) => ({ url: new URL(url).href, level: 1 }));
  const seen = new Set(pending.map(({ url }) => url));
  for (let next = pending.shift(); next && !sitemaps.isTruncated; next = pending.shift()) {
    const { url: sitemap, level } = next;
    ctx.progress(0, `reading ${labelUrl(sitemap)}; ${urls.size} URLs so far`);
    try {
      for await (const { kind, loc } of fetchSitemap(ctx, input, sitemap)) {
        const url = readLocation(loc, sitemap, input.sameHostOnly);
        if (url === undefined) sitemaps.ignored += 1;
        else if (kind === 'url') {
          if (isWanted(url)) add(url);
        } else if (!seen.has(url) && level < MAX_LEVELS && seen.size < MAX_SITEMAPS) {
          seen.add(url);
          pending.push({ url, level: level + 1 });
        } else if (!seen.has(url)) sitemaps.ignored += 1;
        if (sitemaps.isTruncated) break;
      }
      sitemaps.read += 1;
    } catch (error) {
      if (level === 1 || !(error instanceof NonRetryableError)) throw error;
      ctx.log.warn(`left out a sitemap: ${error.message}`);
      if (sitemaps.failures.length < MAX_FAILURES) {
        sitemaps.failures.push({ url: sitemap, error: error.message.slice(0, MAX_ERROR).toWellFormed() });
      }
    }
  }
  return { urls: [...urls], sitemaps };
}

async function* fetchSitemap(ctx: JobContext, { userAgent }: WarmInput, url: string): AsyncGenerator<SitemapEntry> {
  const subject = `GET ${labelUrl(url)}`;
  const fail = (error: unknown) => {
    ctx.signal.throwIfAborted();
    if (!(error instanceof NonRetryableError)) throw toNetworkFailure(subject, error);
    throw new NonRetryableError(`${subject}: ${error.message}`, { cause: error });
  };
  const init = { signal: ctx.signal, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES };
  const response = await ctx.services.fetch(url, { headers: { 'user-agent': userAgent }, ...init }).catch(fail);
  if (!response.ok) throw await readFailure(subject, response);
  try {
    yield* readSitemap(response.body ?? Readable.from([]));
  } catch (error) {
    fail(error);
  }
}

function readLocation(loc: string, sitemap: string, sameHostOnly: boolean): string | undefined {
  const parsed = webUrlSchema.safeParse(loc);
  if (!parsed.success || loc.length > MAX_URL) return undefined;
  const url = new URL(parsed.data);
  url.hash = '';
  return sameHostOnly && url.host !== new URL(sitemap).host ? undefined : url.href;
}
