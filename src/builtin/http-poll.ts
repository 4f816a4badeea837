import type { z } from 'zod';
import type { JobContext } from '../define/context.ts';
import { isSignal, NonRetryableError, snooze } from '../define/errors.ts';
import { defineJob } from '../define/job.ts';
import { parseRetryAfterMs } from '../define/retry-after.ts';
import { decodeBody, readBody } from './http-body.ts';
import { toNetworkFailure } from './http-failure.ts';
import { type Answer, judgeAnswer } from './http-poll-conditions.ts';
import { type HttpPollInput, httpPollInputSchema, httpPollOutputSchema } from './http-poll-schema.ts';
import { callServer, keepStorable } from './http-request.ts';
import { matchesStatus } from './http-request-schema.ts';
import { labelUrl } from './web-url.ts';

type Output = z.input<typeof httpPollOutputSchema>;

/** Kept across runs: each run makes one call. */
interface Progress {
  polls: number;
  /** Of the last answer; null when the last call got none. */
  lastStatus: number | null;
  /** Failed calls in a row. */
  errors: number;
}

interface PollAnswer extends Answer {
  bytes: number;
  retryAfterMs: number | undefined;
}

const EXCERPT_LENGTH = 300;

export const httpPoll = defineJob({
  type: 'http:poll',
  description: 'Calls an address again and again until its answer fits, and holds no slot between the calls.',
  input: httpPollInputSchema,
  output: httpPollOutputSchema,
  examples: [
    {
      title: 'Wait until an export is ready',
      input: {
        url: 'https://api.example.com/exports/17',
        until: [{ path: '$.state', equals: 'ready' }],
        failWhen: [{ path: '$.state', in: ['failed', 'cancelled'] }, { status: [404, 410] }],
        intervalMs: 1000,
        deadlineMs: 600_000,
      },
    },
    {
      title: 'Wait until a server is up',
      input: { url: 'https://api.example.com/health', until: [{ status: ['2xx'] }], intervalMs: 500, backoffFactor: 1 },
    },
  ],
  failures: [
    { when: 'more than maxConsecutiveErrors calls in a row fail: network, 5xx, 408, 425 or 429', effect: 'retry' },
    { when: 'a condition of failWhen holds', effect: 'fail' },
    { when: 'the deadline passes, or the server asks to wait until after it', effect: 'fail' },
    { when: 'the address may not be called, or an answer is larger than maxResponseBytes', effect: 'fail' },
  ],
  repeats: 'The address is called once more than needed; calls are repeated anyway, so they must change nothing.',
  timeoutMs: 630_000, // above the longest `timeoutMs` of the input, which has the clearer message
  run: poll,
});

/** Makes one call, and decides by its answer. */
async function poll(input: HttpPollInput, ctx: JobContext): Promise<Output> {
  const subject = `${input.method} ${labelUrl(input.url)}`;
  const before = readProgress(ctx);
  const answer = await callOnce(input, subject, ctx);
  const isError = answer instanceof Error || isTransient(answer.status);
  const now: Progress = {
    polls: before.polls + 1,
    lastStatus: answer instanceof Error ? null : answer.status,
    errors: isError ? before.errors + 1 : 0,
  };
  if (!(answer instanceof Error)) {
    const verdict = await judgeAnswer(answer, input);
    if (verdict.kind === 'done') return conclude(answer, now, verdict.matched, ctx);
    if (verdict.kind === 'failed') {
      throw new NonRetryableError(`${subject}: the answer fits failWhen ${verdict.why}: ${describe(answer)}`);
    }
  }
  if (now.errors > input.maxConsecutiveErrors) {
    await ctx.checkpoint({ ...now, errors: 0 }); // the next attempt counts anew
    throw new Error(`${subject} failed ${now.errors} times in a row; at last: ${describe(answer)}`);
  }
  return sleepOn(input, subject, answer, now, ctx);
}

async function sleepOn(
  input: HttpPollInput,
  subject: string,
  answer: PollAnswer | Error,
  now: Progress,
  ctx: JobContext,
): Promise<never> {
  const elapsedMs = Date.now() - ctx.job.createdAt.getTime();
  const leftMs = input.deadlineMs - elapsedMs;
  const askedMs = answer instanceof Error ? 0 : (answer.retryAfterMs ?? 0);
  if (leftMs <= 0 || askedMs > leftMs) {
    const why = leftMs <= 0 ? 'has passed' : `comes before the server wants to be called again (in ${askedMs} ms)`;
    throw new NonRetryableError(
      `${subject}: the deadline of ${input.deadlineMs} ms ${why}; after ${now.polls} calls, at last: ${describe(answer)}`,
    );
  }
  await ctx.checkpoint(now);
  const calls = now.polls === 1 ? '1 call' : `${now.polls} calls`;
  // Nobody knows when the answer will fit: a share of the deadline would read as an estimate.
  ctx.progress(0, `${calls}, last: ${now.lastStatus ?? 'no answer'}`);
  return snooze(Math.round(Math.min(leftMs, Math.max(askedMs, intervalAfter(now.polls, input)))));
}

/** @param polls calls so far, from 1 */
function intervalAfter(polls: number, { intervalMs, backoffFactor, maxIntervalMs }: HttpPollInput): number {
  // The interval itself may be the longer one: then it does not grow.
  return Math.min(intervalMs * backoffFactor ** Math.min(polls - 1, 1000), Math.max(intervalMs, maxIntervalMs));
}

/** @returns the answer, or the error of a call that may do better next time */
async function callOnce(input: HttpPollInput, subject: string, ctx: JobContext): Promise<PollAnswer | Error> {
  const deadline = new AbortController();
  const signal = AbortSignal.any([ctx.signal, deadline.signal]);
  const timer = setTimeout(() => deadline.abort(), input.timeoutMs);
  try {
    const response = await callServer(input, subject, signal, ctx);
    const bytes = await readBody(response, input.maxResponseBytes, () => undefined).catch((error: unknown) => {
      throw toNetworkFailure(subject, error);
    });
    return {
      status: response.status,
      ...decodeBody(bytes, response.headers.get('content-type')),
      bytes: bytes.byteLength,
      retryAfterMs: parseRetryAfterMs(response.headers.get('retry-after'), Date.now()),
    };
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (deadline.signal.aborted) return new Error(`no complete answer within ${input.timeoutMs} ms`);
    if (isSignal(error, NonRetryableError)) throw error;
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
  }
}

function conclude(answer: PollAnswer, { polls }: Progress, matched: unknown, ctx: JobContext): Output {
  const { status, body, bodyEncoding, bytes } = answer;
  ctx.log.info(`the answer fits after ${polls} calls`, { status, polls });
  ctx.progress(100, `fits after ${polls} calls`);
  return keepStorable({ polls, status, matched, body, bodyEncoding, bytes });
}

function readProgress(ctx: JobContext): Progress {
  return { polls: 0, lastStatus: null, errors: 0, ...(ctx.lastCheckpoint as Partial<Progress> | undefined) };
}

function isTransient(status: number): boolean {
  return matchesStatus(['5xx', 408, 425, 429], status);
}

function describe(answer: PollAnswer | Error): string {
  if (answer instanceof Error) return answer.message;
  const { status, body, bodyEncoding } = answer;
  if (bodyEncoding === 'none' || bodyEncoding === 'base64') return String(status);
  const text = (bodyEncoding === 'json' ? JSON.stringify(body) : String(body)).replaceAll(/\s+/g, ' ').trim();
  return `${status}: ${text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}…` : text}`;
}
