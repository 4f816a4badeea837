import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { defineJob } from '../../define/job.ts';
import type { ChatAnswer } from '../open-ai/chat-stream.ts';
import type { CheckAnswer, CheckedAnswer } from './answer-schema.ts';
import { type Asked, askModel, type Question } from './ask-model.ts';
import { type ChatInput, type ChatOutput, chatInputSchema, chatOutputSchema } from './chat-schema.ts';
import { inlineImages } from './images.ts';

export const chatComplete = defineJob({
  type: 'chat:complete',
  description: 'Asks a model of an OpenAI-compatible server, for text or for JSON that fits a schema.',
  input: chatInputSchema,
  output: chatOutputSchema,
  timeoutMs: 900_000,
  examples: [
    {
      title: 'Ask for a text',
      input: { messages: [{ role: 'user', content: 'Describe our tea in one sentence.' }], maxTokens: 100 },
    },
    {
      title: 'Ask for JSON',
      input: {
        messages: [
          { role: 'system', content: 'You sort support requests.' },
          { role: 'user', content: 'My parcel has not arrived.' },
        ],
        temperature: 0,
        responseSchema: {
          type: 'object',
          properties: { topic: { type: 'string', enum: ['delivery', 'payment', 'other'] } },
          required: ['topic'],
          additionalProperties: false,
        },
      },
    },
  ],
  failures: [
    { when: 'the server answers 5xx, 408 or 429 (after Retry-After, 24 hours at most)', effect: 'retry' },
    { when: 'the answer breaks off, or nothing comes for stallTimeoutMs', effect: 'retry' },
    { when: 'two answers in a row do not fit responseSchema', effect: 'retry' },
    { when: 'the server refuses the request: the key, the model, or messages that are too long', effect: 'fail' },
    { when: 'JSON was asked for, and the model refuses, is cut off by maxTokens or filtered', effect: 'fail' },
    { when: 'a picture is not there, too large, none, or at an address that may not be called', effect: 'fail' },
    { when: 'OPENAI_BASE_URL is not set, or no day has a budget for the call', effect: 'fail' },
  ],
  repeats: 'The model is asked again, and paid again; its answer may be another one.',
  run: completeChat,
});

async function completeChat(input: ChatInput, ctx: JobContext): Promise<ChatOutput> {
  const server = ctx.services.openAi;
  if (server === undefined) throw new NonRetryableError('there is no server to ask: set OPENAI_BASE_URL');
  const startedAt = performance.now();
  const messages = await inlineImages(ctx, input.messages);
  const question = { server, model: input.model ?? server.textModel, messages };
  ctx.progress(0, `asking ${question.model}`);
  const { asked, json, isRepaired } = await ask(ctx, input, question);
  const { answer, usage, timeToFirstTokenMs } = asked;
  const ms = Math.round(performance.now() - startedAt);
  ctx.log.info(`${question.model} answered`, { ...usage, finishReason: answer.finishReason, ms });
  ctx.progress(100, `${usage.outputTokens} tokens`);
  return {
    text: toStorable(answer.text),
    json,
    model: toStorable(answer.model ?? question.model),
    finishReason: answer.finishReason === null ? null : toStorable(answer.finishReason),
    refusal: answer.refusal === '' ? null : toStorable(answer.refusal),
    isRepaired,
    usage,
    ms,
    timeToFirstTokenMs,
  };
}

interface Result {
  asked: Asked;
  json: unknown;
  isRepaired: boolean;
}

async function ask(ctx: JobContext, input: ChatInput, question: Question): Promise<Result> {
  if (input.responseSchema === undefined) {
    return { asked: await askModel(ctx, input, question), json: null, isRepaired: false };
  }
  const { compileAnswerSchema } = await import('./answer-schema.ts');
  const check = compileAnswerSchema(input.responseSchema);
  const first = await askModel(ctx, input, question);
  const checked = judgeAnswer(question.model, first.answer, check);
  if ('json' in checked) return { asked: first, json: checked.json, isRepaired: false };
  ctx.log.warn(`the answer does not fit responseSchema, so ${question.model} is asked once more: ${checked.faults}`);
  return repair(ctx, input, question, { first, faults: checked.faults, check });
}

/** A model that is told what was wrong mostly mends it, which costs less than an attempt from the beginning. */
async function repair(
  ctx: JobContext,
  input: ChatInput,
  question: Question,
  { first, faults, check }: { first: Asked; faults: string; check: CheckAnswer },
): Promise<Result> {
  const second = await askModel(ctx, input, {
    ...question,
    messages: [
      ...question.messages,
      { role: 'assistant', content: first.answer.text },
      { role: 'user', content: `That does not fit the JSON Schema: ${faults}. Answer again, with JSON alone.` },
    ],
  });
  const checked = judgeAnswer(question.model, second.answer, check);
  if (!('json' in checked)) {
    throw new Error(`${question.model} answered twice with what does not fit responseSchema: ${checked.faults}`);
  }
  const { timeToFirstTokenMs } = first;
  return { asked: { ...second, usage: sum(first, second), timeToFirstTokenMs }, json: checked.json, isRepaired: true };
}

/** @throws NonRetryableError where asking again would end in the same way */
function judgeAnswer(model: string, { text, refusal, finishReason }: ChatAnswer, check: CheckAnswer): CheckedAnswer {
  if (refusal !== '') throw new NonRetryableError(`${model} refused: ${toStorable(refusal).slice(0, 1000)}`);
  if (finishReason === 'length') throw new NonRetryableError('maxTokens cut the JSON off; raise it');
  if (finishReason === 'content_filter') throw new NonRetryableError('the server filtered the answer');
  return check(text);
}

function sum({ usage: a }: Asked, { usage: b }: Asked): ChatOutput['usage'] {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    costMicros: a.costMicros + b.costMicros,
    isEstimated: a.isEstimated || b.isEstimated,
  };
}

// What PostgreSQL cannot keep as text: NUL, and half of a surrogate pair.
function toStorable(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}
