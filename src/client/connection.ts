import type { Problem } from '../contract/program.ts';
import { parseRetryAfterMs } from '../shared/time.ts';
import { type AnswerError, LongshoreError, ServerUnreachableError, TimeoutError, toAnswerError } from './errors.ts';
import { IDEMPOTENCY_HEADER } from './idempotency-key.ts';
import { withRetries } from './retries.ts';

export interface ClientOptions {
  /** Where the server is, e.g. `http://127.0.0.1:3001`; a path before `/v1` is kept. */
  url: string;
  /** Sent as `Authorization: Bearer <key>`. */
  key?: string | undefined;
  /** Default: the platform's `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /** The longest wait for the answer to one try, beyond what a request asks to be held; default 30,000. */
  timeoutMs?: number | undefined;
  /**
   * How often a call is tried again after 429, 502, 503, 504 or a fault of the network; default 3. Only calls that may
   * be made twice without harm: those that read, and those that have an idempotency key.
   */
  retries?: number | undefined;
}

/** For one call. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Default: as the client has it. */
  timeoutMs?: number | undefined;
  /** Default: as the client has it. */
  retries?: number | undefined;
}

/** An array is written as its items, each under the name. */
type QueryValue = string | number | boolean | null | undefined;

export interface Call extends CallOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  query?: Record<string, QueryValue | readonly string[]>;
  body?: unknown;
  /** Sent as it is, in place of `body`. */
  content?: Uint8Array | Blob | ReadableStream<Uint8Array> | undefined;
  headers?: Record<string, string>;
  /** How long the server was asked to hold the request. */
  heldMs?: number;
  /** Statuses beside 2xx whose body is a result and no problem. */
  acceptStatus?: number;
}

/** One server, one key: every request of the client goes through here. */
export interface Connection {
  /** The server's address without a trailing slash. */
  readonly url: string;
  /** Whether any answer has come from there: a server that is away now was there before. */
  readonly hasAnswered: boolean;
  /**
   * @throws AnswerError when the server refuses, ServerUnreachableError when no answer arrives, and
   * the signal's reason when the caller aborts
   */
  requestJson<T>(path: string, call?: Call): Promise<T>;
  /** The same, with an endless body; the timeout covers the time until the headers arrive. */
  openStream(path: string, call: Call): Promise<Response>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_RETRIES = 3;

/** @throws TypeError when `url` is not an http or https URL */
export function connect(options: ClientOptions): Connection {
  const url = normalizeUrl(options.url);
  const send = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  let hasAnswered = false;

  async function exchange<T>(path: string, call: Call, read: (response: Response) => Promise<T>) {
    const limitMs = (call.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS) + (call.heldMs ?? 0);
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), limitMs);
    const signals = call.signal ? [timeout.signal, call.signal] : [timeout.signal];
    try {
      const response = await send(url + path + formatQuery(call.query), {
        method: call.method ?? 'GET',
        headers: formatHeaders(options.key, call),
        signal: AbortSignal.any(signals),
        ...formatBody(call),
      });
      hasAnswered = true;
      if (!response.ok && response.status !== call.acceptStatus) throw await readProblem(response, url);
      return await read(response);
    } catch (error) {
      if (error instanceof LongshoreError) throw error;
      if (call.signal?.aborted) throw call.signal.reason;
      if (timeout.signal.aborted) throw new TimeoutError(url, limitMs, error);
      throw new ServerUnreachableError(url, describeNetworkFault(error), error);
    } finally {
      clearTimeout(timer);
    }
  }

  function repeat<T>(path: string, call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const retries = isRepeatable(call) ? (call.retries ?? options.retries ?? DEFAULT_RETRIES) : 0;
    return withRetries(() => exchange(path, call, read), { retries, heldMs: call.heldMs, signal: call.signal });
  }

  return {
    url,
    get hasAnswered() {
      return hasAnswered;
    },
    requestJson: <T>(path: string, call: Call = {}) => repeat(path, call, (response) => readJson<T>(response, url)),
    openStream: (path, call) => repeat(path, call, async (response) => response),
  };
}

/** Whether making the call twice does what making it once does. */
function isRepeatable({ method = 'GET', headers, content }: Call): boolean {
  if (content instanceof ReadableStream) return false; // can be read once
  return method === 'GET' || (method === 'POST' && headers?.[IDEMPOTENCY_HEADER] !== undefined);
}

function normalizeUrl(text: string): string {
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`${text} is not an http or https URL`);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function formatQuery(query: Call['query']): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (one === undefined ? [] : [[name, String(one)] as [string, string]])),
  );
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
}

function formatBody({ body, content }: Call): RequestInit {
  if (content instanceof ReadableStream) return { body: content, duplex: 'half' } as RequestInit; // as fetch demands
  if (content !== undefined) return { body: content as Blob | Uint8Array<ArrayBuffer> };
  return body === undefined ? {} : { body: JSON.stringify(body) };
}

function formatHeaders(key: string | undefined, call: Call): Record<string, string> {
  return {
    accept: 'application/json',
    ...(key ? { authorization: `Bearer ${key}` } : {}),
    ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...call.headers,
  };
}

async function readJson<T>(response: Response, url: string): Promise<T> {
  const text = await response.text();
  try {
    return JSON.parse(text) as T;
  } catch {
    throw unexpected(response, url);
  }
}

async function readProblem(response: Response, url: string): Promise<AnswerError> {
  const problem = parseProblem(await response.text());
  if (!problem) return unexpected(response, url);
  return toAnswerError({
    code: problem.code,
    status: response.status,
    detail: problem.detail,
    errors: problem.errors ?? [],
    retryAfterMs: parseRetryAfterMs(response.headers.get('retry-after'), Date.now()),
  });
}

function parseProblem(text: string): Problem | undefined {
  try {
    const value = JSON.parse(text) as Partial<Problem> | null;
    return typeof value?.code === 'string' && typeof value.detail === 'string' ? (value as Problem) : undefined;
  } catch {
    return undefined; // a proxy's HTML page, for example
  }
}

function unexpected(response: Response, url: string): AnswerError {
  return toAnswerError({
    code: 'UNEXPECTED_ANSWER',
    status: response.status,
    detail: `${url} answered ${response.status} with something that is not Longshore's; is the address right?`,
    retryAfterMs: parseRetryAfterMs(response.headers.get('retry-after'), Date.now()),
  });
}

function describeNetworkFault(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { code?: unknown } | undefined)?.code;
  if (typeof code === 'string') return code;
  if (cause instanceof Error) return cause.message;
  return error instanceof Error ? error.message : String(error);
}
