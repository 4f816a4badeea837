import type { JobContext } from '../../define/context.ts';
import { defineJob } from '../../define/job.ts';
import { collectUrls } from './collect-urls.ts';
import { type Visit, visitHosts } from './host-lanes.ts';
import { openResults, type Results } from './results.ts';
import { allowAll, loadRobots } from './robots.ts';
import { summarize } from './summary.ts';
import { type UrlResult, type WarmInput, type WarmOutput, warmInputSchema, warmOutputSchema } from './warm-schema.ts';
import { nothingKnown, warmUrl } from './warm-url.ts';

/** A busy server may ask for any wait; longer ones are cut, and the URL fails if it is still busy then. */
const MAX_RETRY_AFTER_MS = 60_000;
const DEFAULT_RETRY_AFTER_MS = 1000;

export const cacheWarm = defineJob({
  type: 'cache:warm',
  description: 'Fetches URLs, or all of a sitemap, so that the caches in front of a site have them.',
  input: warmInputSchema,
  output: warmOutputSchema,
  timeoutMs: 6 * 3_600_000,
  examples: [
    { title: 'Warm some pages', input: { urls: ['https://shop.example.com/', 'https://shop.example.com/tea'] } },
    {
      title: 'Warm the products of a sitemap, slowly',
      input: {
        sitemaps: ['https://shop.example.com/sitemap.xml'],
        include: ['*/products/*'],
        exclude: ['*.pdf'],
        concurrencyPerHost: 1,
        delayMs: 20,
      },
    },
  ],
  failures: [
    {
      when: 'a greater share of the URLs than maxFailureShare failed; the next attempt tries those alone',
      effect: 'retry',
    },
    {
      when: 'a sitemap cannot be fetched for now: the network, 5xx, 408, 425 or 429 (after Retry-After)',
      effect: 'retry',
    },
    {
      when: 'a sitemap that the input names is not there, is none, or exceeds what sitemaps.org allows',
      effect: 'fail',
    },
  ],
  repeats: 'What was warmed up to ten seconds before an attempt ended is not fetched again; the rest is.',
  run: warmCaches,
});

async function warmCaches(input: WarmInput, ctx: JobContext): Promise<WarmOutput> {
  const { urls, sitemaps } = await collectUrls(ctx, input);
  const results = await openResults(ctx);
  const open = urls.filter((url) => !results.all.has(url));
  if (open.length < urls.length) ctx.log.info(`${urls.length - open.length} URLs are warm from an earlier attempt`);
  let visited = urls.length - open.length;
  const onVisited = async (result: UrlResult) => {
    visited += 1;
    ctx.progress((99 * visited) / urls.length, `${visited} of ${urls.length} URLs`);
    await results.add(result);
  };
  await visitHosts(open, (origin) => beginHost(ctx, input, origin, onVisited), ctx.signal);
  return finish(ctx, input, urls, sitemaps, results);
}

async function beginHost(
  ctx: JobContext,
  input: WarmInput,
  origin: string,
  onVisited: (result: UrlResult) => Promise<void>,
): Promise<Visit> {
  const robots = input.respectRobots ? await loadRobots(ctx, origin, input.userAgent) : allowAll;
  if (robots.fault !== undefined) ctx.log.warn(`${origin} is left alone: ${robots.fault}`);
  const delayMs = Math.max(input.delayMs, robots.crawlDelayMs);
  return {
    lanes: input.concurrencyPerHost,
    delayMs,
    mayVisit: (url) => robots.isAllowed(url),
    async leaveOut(url) {
      const why = robots.fault === undefined ? { skipped: 'robots.txt' as const } : { error: robots.fault };
      await onVisited({ url, status: null, ms: 0, bytes: 0, cache: nothingKnown, ...why });
    },
    async visit(url, isLast) {
      const { result, retryAfterMs } = await warmUrl(ctx, input, url);
      if (retryAfterMs === undefined || isLast) await onVisited(result);
      return retryAfterMs === undefined
        ? undefined
        : Math.min(MAX_RETRY_AFTER_MS, retryAfterMs || DEFAULT_RETRY_AFTER_MS);
    },
  };
}

async function finish(
  ctx: JobContext,
  { maxFailureShare }: WarmInput,
  urls: readonly string[],
  sitemaps: WarmOutput['sitemaps'],
  results: Results,
): Promise<WarmOutput> {
  const file = await results.save();
  const ofThese = urls.flatMap((url) => results.all.get(url) ?? []);
  const output = summarize(ofThese, file, sitemaps);
  const { failed, failures } = output;
  ctx.log.info(`warmed ${output.warmed} of ${urls.length} URLs`, { failed, skipped: output.skipped, ...output.cache });
  if (failed > maxFailureShare * urls.length) {
    const [first] = failures;
    throw new Error(`${failed} of ${urls.length} URLs failed, e.g. ${first?.url}: ${first?.error}`);
  }
  ctx.progress(100, `${output.warmed} of ${urls.length} URLs are warm`);
  return output;
}
