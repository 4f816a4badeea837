import type { RequestListener, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** What was asked, as `/chat/completions` takes it. */
export interface ChatQuestion {
  model: string;
  messages: { role: string; content: unknown }[];
  stream?: boolean;
  max_tokens?: number;
  max_completion_tokens?: number;
  response_format?: { type: string; json_schema?: { strict: boolean; schema: object } };
  [name: string]: unknown;
}

export interface ChatCall {
  question: ChatQuestion;
  authorization: string | undefined;
  /** From 0. */
  index: number;
}

/** A listener that speaks the streaming protocol of OpenAI's `/chat/completions`. */
export function serveChat(answer: (call: ChatCall, response: ServerResponse) => void): {
  listener: RequestListener;
  calls: ChatCall[];
} {
  const calls: ChatCall[] = [];
  const listener: RequestListener = async (request, response) => {
    const body = await text(request);
    if (request.url !== '/v1/chat/completions' || request.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    const question = JSON.parse(body) as ChatQuestion;
    const call = { question, authorization: request.headers.authorization, index: calls.length };
    calls.push(call);
    answer(call, response);
  };
  return { listener, calls };
}

export interface StreamOptions {
  finishReason?: string | null;
  usage?: { prompt_tokens: number; completion_tokens: number } | undefined;
  model?: string;
}

/** Streams words as the server does: a chunk for each, one with the reason, one with the usage, and `[DONE]`. */
export function streamWords(response: ServerResponse, words: readonly string[], options: StreamOptions = {}): void {
  beginStream(response);
  for (const content of words) writeChunk(response, { choices: [{ index: 0, delta: { content } }] }, options.model);
  const reason = options.finishReason === undefined ? 'stop' : options.finishReason;
  writeChunk(response, { choices: [{ index: 0, delta: {}, finish_reason: reason }] });
  if (options.usage) writeChunk(response, { choices: [], usage: options.usage });
  response.end('data: [DONE]\n\n');
}

export function beginStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
}

export function writeChunk(response: ServerResponse, chunk: object, model = 'served-1'): void {
  response.write(`data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', model, ...chunk })}\n\n`);
}

export function refuseChat(response: ServerResponse, status: number, error: object, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ error }));
}
