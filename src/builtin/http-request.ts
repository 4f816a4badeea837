import type { JobContext } from '../define/context.ts';
import { NonRetryableError } from '../define/errors.ts';
import { defineJob } from '../define/job.ts';
import { decodeBody, readBody } from './http-body.ts';
import { describeStatus, readFailure, toNetworkFailure } from './http-failure.ts';
import {
  type HttpRequestInput,
  type HttpRequestOutput,
  httpRequestInputSchema,
  httpRequestOutputSchema,
  isEmptyBody,
  matchesStatus,
  OUTPUT_BYTES,
} from './http-request-schema.ts';
import { labelUrl } from './web-url.ts';

export const httpRequest = defineJob({
  type: 'http:request',
  description: 'Sends an HTTP request and keeps the answer.',
  input: httpRequestInputSchema,
  output: httpRequestOutputSchema,
  examples: [
    { title: 'Read an address', input: { url: 'https://api.example.com/orders/17' } },
    {
      title: 'Send JSON, and take 409 for success',
      input: {
        url: 'https://api.example.com/orders',
        method: 'POST',
        headers: { authorization: 'Bearer 3f9a' },
        body: { sku: 'A-17', quantity: 2 },
        successStatuses: ['2xx', 409],
      },
    },
  ],
  failures: [
    { when: 'the server answers 5xx, 408, 425 or 429 (after Retry-After, 24 hours at most)', effect: 'retry' },
    { when: 'the network fails, or there is no complete answer within timeoutMs', effect: 'retry' },
    { when: 'the server answers anything else that is no success', effect: 'fail' },
    { when: 'the address may not be called, or the answer is larger than maxResponseBytes', effect: 'fail' },
  ],
  repeats: 'The request is sent again. Give the server a key by which it knows it, e.g. a header Idempotency-Key.',
  timeoutMs: 630_000, // above the longest `timeoutMs` of the input, which has the clearer message
  run: sendRequest,
});

async function sendRequest(input: HttpRequestInput, ctx: JobContext): Promise<HttpRequestOutput> {
  const subject = `${input.method} ${labelUrl(input.url)}`;
  const startedAt = performance.now();
  ctx.progress(0, subject);
  const deadline = new AbortController();
  const signal = AbortSignal.any([ctx.signal, deadline.signal]);
  const timer = setTimeout(() => deadline.abort(), input.timeoutMs);
  try {
    const output = await exchange(input, subject, signal, ctx);
    const durationMs = Math.round(performance.now() - startedAt);
    ctx.log.info(`${subject} answered ${output.status}, ${output.bytes} bytes`, { status: output.status, durationMs });
    return keepStorable({ ...output, durationMs });
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (deadline.signal.aborted) throw new Error(`${subject} gave no complete answer within ${input.timeoutMs} ms`);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function exchange(
  input: HttpRequestInput,
  subject: string,
  signal: AbortSignal,
  ctx: JobContext,
): Promise<Omit<HttpRequestOutput, 'durationMs'>> {
  const response = await callServer(input, subject, signal, ctx);
  if (!matchesStatus(input.successStatuses, response.status)) throw await readFailure(subject, response);

  ctx.progress(10, `${describeStatus(response)}, reading the answer`);
  const bytes = await readBody(response, input.maxResponseBytes, (done, total) => {
    if (total) ctx.progress(10 + (89 * done) / total, `${done} of ${total} bytes`);
  }).catch((error: unknown) => {
    throw toNetworkFailure(subject, error);
  });
  ctx.progress(100, `${describeStatus(response)}, ${bytes.byteLength} bytes`);
  return {
    url: response.url || input.url,
    status: response.status,
    headers: Object.fromEntries([...response.headers.keys()].map((name) => [name, response.headers.get(name) ?? ''])),
    ...decodeBody(bytes, response.headers.get('content-type')),
    bytes: bytes.byteLength,
  };
}

/** @throws an Error that says whether another attempt may help */
export async function callServer(
  input: Pick<HttpRequestInput, 'url' | 'method' | 'headers' | 'body' | 'followRedirects'>,
  subject: string,
  signal: AbortSignal,
  ctx: JobContext,
): Promise<Response> {
  const { body, headers } = encodeBody(input);
  try {
    return await ctx.services.fetch(input.url, {
      method: input.method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal,
      redirect: input.followRedirects ? 'follow' : 'manual',
    });
  } catch (error) {
    throw toNetworkFailure(subject, error);
  }
}

function encodeBody(input: Pick<HttpRequestInput, 'headers' | 'body'>): {
  body: string | undefined;
  headers: Record<string, string>;
} {
  if (isEmptyBody(input.body)) return { body: undefined, headers: input.headers };
  if (typeof input.body === 'string') return { body: input.body, headers: input.headers };
  const isTyped = Object.keys(input.headers).some((name) => name.toLowerCase() === 'content-type');
  const headers = isTyped ? input.headers : { ...input.headers, 'content-type': 'application/json' };
  return { body: JSON.stringify(input.body), headers };
}

// Base64 and JSON's escapes make a body larger than it was on the wire.
export function keepStorable<Output extends { bytes: number }>(output: Output): Output {
  const size = Buffer.byteLength(JSON.stringify(output));
  if (size <= OUTPUT_BYTES) return output;
  throw new NonRetryableError(
    `the response has ${output.bytes} bytes, which are ${size} as JSON; a job keeps at most ${OUTPUT_BYTES}`,
  );
}
