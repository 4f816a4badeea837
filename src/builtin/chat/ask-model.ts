import type { JobContext } from '../../define/context.ts';
import { NonRetryableError, snooze } from '../../define/errors.ts';
import type { AiGrant, OpenAiSettings } from '../../define/services.ts';
import { toNetworkFailure } from '../http-failure.ts';
import { readJson, requestOpenAi } from '../open-ai/ask.ts';
import { type ChatAnswer, readChatAnswer, readChatStream, startAnswer } from '../open-ai/chat-stream.ts';
import { estimateMessages, estimateTokens } from '../open-ai/tokens.ts';
import type { ChatInput, ChatMessage, ChatOutput } from './chat-schema.ts';
import { createReporter } from './reporter.ts';

/** Each token comes in an envelope of some hundred bytes. */
const MAX_STREAM_BYTES = 256 * 1024 ** 2;
/** Above what the job takes; its own limit ends the call before. */
const CALL_TIMEOUT_MS = 3_600_000;
/** Jobs that wait for the next day should not all begin in its first second. */
const SPREAD_MS = 60_000;

export interface Asked {
  answer: ChatAnswer;
  usage: ChatOutput['usage'];
  timeToFirstTokenMs: number | null;
}

export interface Question {
  server: OpenAiSettings;
  model: string;
  messages: readonly ChatMessage[];
}

/**
 * Asks once, and accounts for it: the estimate is taken out of the tenant's budget before, what was used is put in its
 * place after. A call that was answered in part has cost something; one that was refused has not.
 */
export async function askModel(ctx: JobContext, input: ChatInput, question: Question): Promise<Asked> {
  const { messages, model } = question;
  const inputTokens = estimateMessages(messages) + estimateTokens(JSON.stringify(input.responseSchema ?? ''));
  const grant = await takeBudget(ctx, input, model, inputTokens);
  const answer = startAnswer();
  const reporter = createReporter(ctx, answer, input.maxTokens);
  let isAccepted = false;
  try {
    await exchange(ctx, input, question, {
      answer,
      onAccepted: () => {
        isAccepted = true;
      },
      onPart: reporter.report,
    });
  } catch (error) {
    await account<unknown>(ctx, isAccepted ? grant.settle(measure(answer, inputTokens)) : grant.release());
    throw error;
  }
  const used = measure(answer, inputTokens);
  const costMicros = (await account(ctx, grant.settle(used))) ?? 0;
  const usage = { ...used, costMicros, isEstimated: answer.usage === undefined };
  return { answer, usage, timeToFirstTokenMs: reporter.timeToFirstTokenMs() };
}

async function takeBudget(
  ctx: JobContext,
  { maxTokens, onBudgetExceeded }: ChatInput,
  model: string,
  inputTokens: number,
): Promise<AiGrant> {
  const { tenant } = ctx.job;
  const reserved = await ctx.services.aiBudgets.reserve({ tenant, model, inputTokens, outputTokens: maxTokens });
  if (reserved.kind === 'granted') return reserved;
  if (reserved.waitMs === undefined) {
    throw new NonRetryableError(`no day's AI budget of tenant "${tenant}" has room for this call: ${reserved.why}`);
  }
  const message = `the AI budget of tenant "${tenant}" is used up: ${reserved.why}`;
  if (onBudgetExceeded === 'fail') throw new NonRetryableError(message);
  ctx.progress(0, `waits for the next day (UTC): ${message}`);
  ctx.log.warn(`waits for the next day (UTC): ${message}`);
  return snooze(Math.ceil(reserved.waitMs + Math.random() * SPREAD_MS));
}

interface Exchange {
  answer: ChatAnswer;
  /** The server has begun to answer. */
  onAccepted(): void;
  onPart(): void;
}

async function exchange(ctx: JobContext, input: ChatInput, question: Question, parts: Exchange): Promise<void> {
  const stalled = new AbortController();
  const fail = () => stalled.abort(new Error(`the server sent nothing for ${input.stallTimeoutMs} ms`));
  const timer = setTimeout(fail, input.stallTimeoutMs);
  const signal = AbortSignal.any([ctx.signal, stalled.signal]);
  try {
    const response = await send(ctx, input, question, signal);
    parts.onAccepted();
    if (isJson(response)) return readChatAnswer(await readJson(ctx, question.model, response), parts.answer);
    const onPart = () => {
      timer.refresh();
      parts.onPart();
    };
    await readChatStream(response, parts.answer, onPart).catch((error: unknown) => {
      ctx.signal.throwIfAborted();
      throw toNetworkFailure(question.model, error);
    });
  } finally {
    clearTimeout(timer);
    stalled.abort(); // whatever is still to come is not read
  }
}

async function send(ctx: JobContext, input: ChatInput, question: Question, signal: AbortSignal): Promise<Response> {
  const limits = { signal, maxBytes: MAX_STREAM_BYTES, timeoutMs: CALL_TIMEOUT_MS };
  const request = { path: 'chat/completions', accept: 'text/event-stream, application/json', ...limits };
  const body = describeQuestion(input, question);
  const { max_tokens: maxTokens, ...rest } = body;
  try {
    return await requestOpenAi(ctx, question.server, { ...request, question: body });
  } catch (error) {
    // OpenAI renamed it: models that reason take the new name alone, many other servers the old one alone.
    if (!(error instanceof NonRetryableError && error.message.includes('max_completion_tokens'))) throw error;
    const renamed = { ...rest, max_completion_tokens: maxTokens };
    return requestOpenAi(ctx, question.server, { ...request, question: renamed });
  }
}

function describeQuestion(input: ChatInput, { model, messages }: Question): Record<string, unknown> {
  const { temperature, stop, responseSchema, isStrict, maxTokens } = input;
  return {
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: maxTokens,
    ...(temperature === undefined ? {} : { temperature }),
    ...(stop === undefined ? {} : { stop }),
    ...(responseSchema === undefined
      ? {}
      : {
          response_format: {
            type: 'json_schema',
            json_schema: { name: 'answer', strict: isStrict, schema: responseSchema },
          },
        }),
  };
}

function measure(answer: ChatAnswer, inputTokens: number): { inputTokens: number; outputTokens: number } {
  return answer.usage ?? { inputTokens, outputTokens: estimateTokens(answer.text + answer.refusal) };
}

// The answer is there and paid for: it must not be lost because it could not be counted.
async function account<T>(ctx: JobContext, counting: Promise<T>): Promise<T | undefined> {
  try {
    return await counting;
  } catch (error) {
    ctx.log.warn('what the call used was not counted; its estimate stays', { error: String(error) });
    return undefined;
  }
}

function isJson(response: Response): boolean {
  return /^application\/json\b/.test(response.headers.get('content-type') ?? '');
}
