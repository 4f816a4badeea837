import type robotsParser from 'robots-parser';
import type { JobContext } from '../../define/context.ts';
import { toNetworkFailure } from '../http-failure.ts';

/** What RFC 9309 asks at least to be read; the rest is ignored. */
const MAX_BYTES = 500 * 1024;
/** What wildcards cost grows with the length of the URL too, so no more than these are tried. */
const MAX_WILDCARD_CHARS = 32 * 1024;
const TIMEOUT_MS = 15_000;
const MAX_CRAWL_DELAY_MS = 60_000;

type RobotsParser = { default: typeof robotsParser.default };

/** What a site lets robots do. */
export interface Robots {
  isAllowed(url: string): boolean;
  crawlDelayMs: number;
  /** Why nothing is known, so that nothing may be fetched. */
  fault: string | undefined;
}

export const allowAll: Robots = { isAllowed: () => true, crawlDelayMs: 0, fault: undefined };

/** Reads the robots.txt of an origin, as RFC 9309 says: 4xx allows everything, and where the server fails nothing is allowed. */
export async function loadRobots(ctx: JobContext, origin: string, userAgent: string): Promise<Robots> {
  const url = `${origin}/robots.txt`;
  try {
    const response = await ctx.services.fetch(url, {
      headers: { 'user-agent': userAgent },
      signal: ctx.signal,
      timeoutMs: TIMEOUT_MS,
    });
    if (response.ok) return await readRobots(url, await readStart(response), userAgent);
    await response.body?.cancel();
    if (response.status >= 400 && response.status < 500 && response.status !== 429) return allowAll;
    return refuseAll(`robots.txt answered ${response.status}`);
  } catch (error) {
    ctx.signal.throwIfAborted();
    return refuseAll(toNetworkFailure('robots.txt', error).message);
  }
}

async function readRobots(url: string, text: string, userAgent: string): Promise<Robots> {
  const withWildcards = text.split('\n').filter((line) => line.includes('*'));
  if (withWildcards.reduce((sum, line) => sum + line.length, 0) > MAX_WILDCARD_CHARS) {
    return refuseAll('robots.txt has more wildcards than can be tried');
  }
  // Its types tell of an ES module; it is a CommonJS one whose only export is the function.
  const { default: parseRobots } = (await import('robots-parser')) as unknown as RobotsParser;
  const robots = parseRobots(url, text);
  const delay = robots.getCrawlDelay(userAgent) ?? 0;
  return {
    isAllowed: (page) => robots.isAllowed(page, userAgent) !== false,
    crawlDelayMs: Math.min(MAX_CRAWL_DELAY_MS, Math.max(0, Math.round(delay * 1000))),
    fault: undefined,
  };
}

function refuseAll(fault: string): Robots {
  return { isAllowed: () => false, crawlDelayMs: 0, fault };
}

async function readStart(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const part of response.body ?? []) {
    text += decoder.decode(part.subarray(0, MAX_BYTES - bytes), { stream: true });
    bytes += part.byteLength;
    if (bytes >= MAX_BYTES) break;
  }
  return text;
}
