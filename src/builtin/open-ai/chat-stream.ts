import { createParser } from 'eventsource-parser';
import { z } from 'zod';
import { NonRetryableError } from '../../define/errors.ts';

const MAX_LINE = 1024 * 1024;
/** What an output of 1 MiB has room for, also where half of it must be escaped. */
const MAX_ANSWER_BYTES = 400 * 1024;

const usageSchema = z.object({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0) });
const wordsSchema = z.object({ content: z.string().nullish(), refusal: z.string().nullish() });
const chunkSchema = z.object({
  model: z.string().max(1000).nullish(),
  choices: z
    .array(
      z.object({
        delta: wordsSchema.nullish(),
        message: wordsSchema.nullish(),
        finish_reason: z.string().max(100).nullish(),
      }),
    )
    .nullish(),
  usage: usageSchema.nullish().catch(undefined),
});
const errorSchema = z.object({ error: z.union([z.string(), z.object({ message: z.string() })]) });

/** What has come so far. */
export interface ChatAnswer {
  text: string;
  refusal: string;
  bytes: number;
  model: string | undefined;
  finishReason: string | null;
  usage: { inputTokens: number; outputTokens: number } | undefined;
  isDone: boolean;
}

export function startAnswer(): ChatAnswer {
  return {
    text: '',
    refusal: '',
    bytes: 0,
    model: undefined,
    finishReason: null,
    usage: undefined,
    isDone: false,
  };
}

/**
 * Reads a streamed answer to its end.
 * @param answer is filled while it comes, so that the caller knows how far it got
 * @param onPart called after each part, also one without words
 * @throws Error when it is no stream of chat completions, tells of an error, or breaks off before its end
 */
export async function readChatStream(response: Response, answer: ChatAnswer, onPart: () => void): Promise<void> {
  const decoder = new TextDecoder();
  const parser = createParser({ onEvent: ({ data }) => readEvent(data, answer), maxBufferSize: MAX_LINE, onError });
  try {
    for await (const bytes of response.body ?? []) {
      parser.feed(decoder.decode(bytes, { stream: true }));
      onPart();
      if (answer.isDone) break;
    }
  } catch (error) {
    if (!isComplete(answer)) throw error; // else only the farewell is missing
  }
  if (!isComplete(answer)) throw new Error('the answer broke off before its end');
}

/** Reads an answer of a server that does not stream. */
export function readChatAnswer(body: unknown, answer: ChatAnswer): void {
  readChunk(body, answer);
  if (!isComplete(answer)) throw new Error('the answer has no finish_reason');
}

function isComplete({ isDone, finishReason }: ChatAnswer): boolean {
  return isDone || finishReason !== null;
}

function onError(error: { type: string; message: string }): void {
  if (error.type === 'max-buffer-size-exceeded')
    throw new Error(`a line of the answer is longer than ${MAX_LINE} characters`);
}

function readEvent(data: string, answer: ChatAnswer): void {
  if (answer.isDone) return;
  if (data.trim() === '[DONE]') answer.isDone = true;
  else readChunk(parse(data), answer);
}

function readChunk(value: unknown, answer: ChatAnswer): void {
  const failure = errorSchema.safeParse(value).data?.error;
  if (failure !== undefined) {
    throw new Error(`the server broke off: ${typeof failure === 'string' ? failure : failure.message}`);
  }
  const chunk = chunkSchema.safeParse(value);
  if (!chunk.success) throw new Error('the answer is not one of /chat/completions');
  const { model, choices, usage } = chunk.data;
  const choice = choices?.[0];
  const words = choice?.delta ?? choice?.message;
  addWords(answer, words?.content ?? '', words?.refusal ?? '');
  answer.model ??= model ?? undefined;
  answer.finishReason = choice?.finish_reason ?? answer.finishReason;
  if (usage) answer.usage = { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens };
}

function addWords(answer: ChatAnswer, text: string, refusal: string): void {
  answer.text += text;
  answer.refusal += refusal;
  answer.bytes += Buffer.byteLength(text) + Buffer.byteLength(refusal);
  if (answer.bytes > MAX_ANSWER_BYTES) {
    const limit = `more than ${MAX_ANSWER_BYTES} bytes, which is what a job keeps`;
    throw new NonRetryableError(`the answer has ${limit}; set a smaller maxTokens`);
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (error) {
    throw new Error(`the answer holds what is not JSON: ${(error as Error).message}`);
  }
}
