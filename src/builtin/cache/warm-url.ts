import type { JobContext } from '../../define/context.ts';
import { parseRetryAfterMs } from '../../define/retry-after.ts';
import { describeStatus, toNetworkFailure } from '../http-failure.ts';
import { labelUrl } from '../web-url.ts';
import { readCacheState } from './cache-state.ts';
import type { UrlResult, WarmInput } from './warm-schema.ts';

const MAX_ERROR = 300;

export const nothingKnown: UrlResult['cache'] = { state: null, cacheControl: null, age: null, etag: null, headers: {} };

export interface Warmed {
  result: UrlResult;
  /** What a busy server (429, 503) asks to wait; 0 where it does not say. */
  retryAfterMs: number | undefined;
}

/** Fetches a URL and drops its body. A fault is a result too; only the end of the job is thrown. */
export async function warmUrl(ctx: JobContext, input: WarmInput, url: string): Promise<Warmed> {
  const startedAt = performance.now();
  const ms = () => Math.round(performance.now() - startedAt);
  const known = { status: null as number | null, bytes: 0, cache: nothingKnown };
  try {
    const response = await ctx.services.fetch(url, {
      method: input.method,
      headers: { 'user-agent': input.userAgent, ...input.headers },
      signal: ctx.signal,
      timeoutMs: input.timeoutMs,
      maxBytes: input.maxBytes,
    });
    known.status = response.status;
    known.cache = readCacheState(response.headers);
    for await (const part of response.body ?? []) known.bytes += part.byteLength;
    const isBusy = response.status === 429 || response.status === 503;
    const retryAfterMs = isBusy ? (parseRetryAfterMs(response.headers.get('retry-after'), Date.now()) ?? 0) : undefined;
    const error = response.ok ? {} : { error: `answered ${describeStatus(response)}` };
    return { result: { url, ...known, ms: ms(), ...error }, retryAfterMs };
  } catch (error) {
    ctx.signal.throwIfAborted();
    const { message } = toNetworkFailure(`${input.method} ${labelUrl(url)}`, error);
    const shown = message.slice(0, MAX_ERROR).replaceAll('\u0000', '').toWellFormed();
    return { result: { url, ...known, ms: ms(), error: shown }, retryAfterMs: undefined };
  }
}
