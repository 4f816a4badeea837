import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import type { OpenAiSettings } from '../../define/services.ts';
import { readBody } from '../http-body.ts';
import { readFailure, toNetworkFailure } from '../http-failure.ts';
import { labelUrl } from '../web-url.ts';

const MAX_ANSWER_BYTES = 32 * 1024 ** 2;

/**
 * Calls an OpenAI-compatible server.
 * @param path below the base URL, e.g. `chat/completions`
 * @returns the JSON of its answer
 * @throws NonRetryableError for 4xx (a wrong key, a model that is not there), RetryLaterError as Retry-After asks
 */
export async function askOpenAi(
  ctx: JobContext,
  server: OpenAiSettings,
  path: string,
  question: Record<string, unknown>,
): Promise<unknown> {
  const url = `${server.baseUrl.replace(/\/+$/, '')}/${path}`;
  const authorization: Record<string, string> =
    server.apiKey === undefined ? {} : { authorization: `Bearer ${server.apiKey}` };
  const answer = await call(ctx, `POST ${labelUrl(url)}`, url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...authorization },
    body: JSON.stringify(question),
  });
  try {
    return JSON.parse(answer.toString('utf8')) as unknown;
  } catch (cause) {
    throw new Error(`POST ${labelUrl(url)} answered with what is not JSON`, { cause });
  }
}

/** Fetches what an answer refers to. The URL carries what allows it, so the key is not sent. */
export async function download(ctx: JobContext, url: string): Promise<Buffer> {
  return call(ctx, `GET ${labelUrl(url)}`, url, {});
}

async function call(
  ctx: JobContext,
  subject: string,
  url: string,
  init: { method?: string; headers?: Record<string, string>; body?: string },
): Promise<Buffer> {
  let response: Response;
  try {
    response = await ctx.services.fetch(url, { ...init, signal: ctx.signal });
    if (response.ok) return await readBody(response, MAX_ANSWER_BYTES, () => {});
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw toNetworkFailure(subject, error);
  }
  const failure = await readFailure(subject, response);
  ctx.signal.throwIfAborted();
  if (response.status !== 401 && response.status !== 403) throw failure;
  throw new NonRetryableError(`${failure.message}; check OPENAI_API_KEY`, { cause: failure });
}
