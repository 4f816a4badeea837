import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { hideSecrets } from '../../define/secrets.ts';
import type { OpenAiSettings, OutboundInit } from '../../define/services.ts';
import { readBody } from '../http-body.ts';
import { readFailure, toNetworkFailure } from '../http-failure.ts';
import { labelUrl } from '../web-url.ts';

const MAX_ANSWER_BYTES = 32 * 1024 ** 2;

/**
 * Calls an OpenAI-compatible server.
 * @param path below the base URL, e.g. `chat/completions`
 * @returns the JSON of its answer
 * @throws as {@link requestOpenAi}
 */
export async function askOpenAi(
  ctx: JobContext,
  server: OpenAiSettings,
  path: string,
  question: Record<string, unknown>,
): Promise<unknown> {
  const response = await requestOpenAi(ctx, server, { path, question, accept: 'application/json' });
  return readJson(ctx, `POST ${labelUrl(response.url)}`, response);
}

export interface OpenAiRequest {
  path: string;
  question: Record<string, unknown>;
  accept: string;
  /** In place of that of the job. */
  signal?: AbortSignal;
  maxBytes?: number;
  timeoutMs?: number;
}

/**
 * Sends a question.
 * @returns an answer that is a success, its body unread
 * @throws NonRetryableError for 4xx (a wrong key, a model that is not there), RetryLaterError as Retry-After asks
 */
export async function requestOpenAi(
  ctx: JobContext,
  server: OpenAiSettings,
  { path, question, accept, ...limits }: OpenAiRequest,
): Promise<Response> {
  const url = `${server.baseUrl.replace(/\/+$/, '')}/${path}`;
  const authorization: Record<string, string> =
    server.apiKey === undefined ? {} : { authorization: `Bearer ${server.apiKey}` };
  return call(ctx, `POST ${labelUrl(url)}`, url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...authorization },
    body: JSON.stringify(question),
    ...limits,
  }).catch((error: unknown) => Promise.reject(hideSecrets(error, [server.apiKey ?? ''])));
}

/** Reads an answer whole. */
export async function readJson(ctx: JobContext, subject: string, response: Response): Promise<unknown> {
  const answer = await readWhole(ctx, subject, response);
  try {
    return JSON.parse(answer.toString('utf8')) as unknown;
  } catch (cause) {
    throw new Error(`${subject} answered with what is not JSON`, { cause });
  }
}

/** Fetches what an answer refers to. The URL carries what allows it, so the key is not sent. */
export async function download(ctx: JobContext, url: string): Promise<Buffer> {
  const subject = `GET ${labelUrl(url)}`;
  return readWhole(ctx, subject, await call(ctx, subject, url, {}));
}

async function call(ctx: JobContext, subject: string, url: string, init: OutboundInit): Promise<Response> {
  const response = await ctx.services.fetch(url, { signal: ctx.signal, ...init }).catch((error: unknown) => {
    ctx.signal.throwIfAborted();
    throw toNetworkFailure(subject, error);
  });
  if (response.ok) return response;
  const failure = await readFailure(subject, response);
  ctx.signal.throwIfAborted();
  if (response.status !== 401 && response.status !== 403) throw failure;
  throw new NonRetryableError(`${failure.message}; check OPENAI_API_KEY`, { cause: failure });
}

async function readWhole(ctx: JobContext, subject: string, response: Response): Promise<Buffer> {
  return readBody(response, MAX_ANSWER_BYTES, () => {}).catch((error: unknown) => {
    ctx.signal.throwIfAborted();
    throw toNetworkFailure(subject, error);
  });
}
