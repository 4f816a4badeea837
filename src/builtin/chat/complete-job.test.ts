import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import {
  beginStream,
  type ChatCall,
  refuseChat,
  serveChat,
  streamWords,
  writeChunk,
} from '../../../test/support/chat-server.ts';
import { createLoopbackSite } from '../../../test/support/loopback-site.ts';
import type { AiBudgets, AiCall, AiTokens } from '../../define/ai-budgets.ts';
import { parseWith } from '../../define/registry.ts';
import { runJob } from '../../testing.ts';
import type { chatInputSchema } from './chat-schema.ts';
import { chatComplete } from './complete-job.ts';

const site = createLoopbackSite();
afterEach(() => site.close());

type Input = z.input<typeof chatInputSchema>;
const messages: Input['messages'] = [{ role: 'user', content: 'What is tea?' }];
const usage = { prompt_tokens: 11, completion_tokens: 7 };
const topicSchema = { type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'] };

interface Account extends AiBudgets {
  reserved: AiCall[];
  settled: AiTokens[];
  released: number;
}

function openAccount(refusal?: { why: string; waitMs: number | undefined }): Account {
  const account: Account = {
    reserved: [],
    settled: [],
    released: 0,
    async reserve(call) {
      account.reserved.push(call);
      if (refusal) return { kind: 'refused', ...refusal };
      return {
        kind: 'granted',
        async settle(used) {
          account.settled.push({ inputTokens: used.inputTokens, outputTokens: used.outputTokens });
          return 42;
        },
        async release() {
          account.released += 1;
        },
      };
    },
  };
  return account;
}

async function ask(
  answer: (call: ChatCall, response: ServerResponse) => void,
  input: Partial<Input> = {},
  options: { signal?: AbortSignal; account?: Account } = {},
) {
  const { listener, calls } = serveChat(answer);
  const baseUrl = `${await site.serve(listener)}/v1/`;
  const account = options.account ?? openAccount();
  const run = runJob(
    chatComplete,
    { messages, ...input },
    {
      services: { fetch: site.fetch, openAi: { baseUrl, apiKey: 'key-1', textModel: 'tea-1' }, aiBudgets: account },
      ...(options.signal ? { signal: options.signal } : {}),
    },
  );
  return {
    calls,
    account,
    result: await run.then(
      (result) => ({ result }),
      (error: Error & { delayMs?: number }) => ({ error }),
    ),
  };
}

async function complete(...args: Parameters<typeof ask>) {
  const { result, ...rest } = await ask(...args);
  if ('error' in result) throw result.error;
  return { ...rest, ...result.result };
}

async function fail(...args: Parameters<typeof ask>) {
  const { result, ...rest } = await ask(...args);
  if ('result' in result) throw new Error(`it completed with ${JSON.stringify(result.result.output)}`);
  return { ...rest, error: result.error };
}

describe('an answer', () => {
  it('is put together from its stream, with the usage that the server tells, and counted', async () => {
    const { output, calls, account, progress } = await complete(
      (_, response) => streamWords(response, ['Tea is ', 'a ', 'drink.'], { usage }),
      { temperature: 0.5, maxTokens: 50, stop: ['END'] },
    );
    expect(output).toEqual({
      text: 'Tea is a drink.',
      json: null,
      model: 'served-1',
      finishReason: 'stop',
      refusal: null,
      isRepaired: false,
      usage: { inputTokens: 11, outputTokens: 7, costMicros: 42, isEstimated: false },
      ms: expect.any(Number),
      timeToFirstTokenMs: expect.any(Number),
    });
    expect(calls).toMatchObject([
      {
        authorization: 'Bearer key-1',
        question: { model: 'tea-1', messages, stream: true, temperature: 0.5, max_tokens: 50, stop: ['END'] },
      },
    ]);
    expect(account.reserved).toEqual([{ tenant: 'default', model: 'tea-1', inputTokens: 8, outputTokens: 50 }]);
    expect(account.settled).toEqual([{ inputTokens: 11, outputTokens: 7 }]);
    expect(progress.slice(0, 2).map(({ message }) => message)).toEqual([
      'asking tea-1',
      expect.stringMatching(/^Tea is/),
    ]);
    expect(progress.at(-1)).toEqual({ percent: 100, message: '7 tokens' });
  });

  it('is estimated where the server tells no usage', async () => {
    const { output, account } = await complete((_, response) => streamWords(response, ['x'.repeat(40)]));
    expect(output.usage).toMatchObject({ inputTokens: 8, outputTokens: 10, isEstimated: true });
    expect(account.settled).toEqual([{ inputTokens: 8, outputTokens: 10 }]);
  });

  it('may come in parts that cut letters, with comments between them, and end without [DONE]', async () => {
    const { output } = await complete((_, response) => {
      beginStream(response);
      response.write(': OPENROUTER PROCESSING\n\n');
      const bytes = Buffer.from(`data: ${JSON.stringify({ choices: [{ delta: { content: 'grün' } }] })}\n\n`);
      const middle = bytes.indexOf(0xc3) + 1;
      response.write(bytes.subarray(0, middle), () => {
        response.write(bytes.subarray(middle));
        writeChunk(response, { choices: [{ delta: {}, finish_reason: 'stop' }] });
        response.end();
      });
    });
    expect(output.text).toBe('grün');
  });

  it('may come whole from a server that does not stream', async () => {
    const { output } = await complete((_, response) => {
      const body = { model: 'm', choices: [{ message: { content: 'Tea.' }, finish_reason: 'stop' }], usage };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    expect(output).toMatchObject({ text: 'Tea.', model: 'm', usage: { outputTokens: 7 } });
  });

  it('tells what cut it off, and holds nothing that the record cannot keep', async () => {
    const { output } = await complete((_, response) =>
      streamWords(response, ['a\u0000b', '\ud83d'], { finishReason: 'length', usage }),
    );
    expect(output).toMatchObject({ text: 'ab\ufffd', finishReason: 'length' });
  });

  it('is asked for with the pictures themselves in place of their URLs', async () => {
    const png = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    const pictures = await site.serve((_, response) => response.end(png));
    const picture = (url: string) => ({ type: 'image_url' as const, image_url: { url, detail: 'low' as const } });
    const content = [{ type: 'text' as const, text: 'What is it?' }, picture(`${pictures}/a.png`)];
    const { calls } = await complete((_, response) => streamWords(response, ['A dot.'], { usage }), {
      messages: [{ role: 'user', content }],
    });
    expect(calls[0]?.question.messages).toEqual([
      { role: 'user', content: [content[0], picture(`data:image/png;base64,${png.toString('base64')}`)] },
    ]);
  });

  it.each<[string, string]>([
    ['at a private address', 'http://169.254.169.254/a.png'],
    ['that is none', 'SITE/text'],
    ['that is not there', 'SITE/gone'],
    ['that is too large', 'SITE/large'],
  ])('fails at once for a picture %s', async (_, place) => {
    const pictures = await site.serve(({ url }, response) => {
      if (url === '/gone') response.writeHead(404);
      response.end(url === '/large' ? Buffer.alloc(9 * 1024 ** 2) : 'no picture');
    });
    const { error, calls } = await fail((_call, response) => streamWords(response, ['x']), {
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: place.replace('SITE', pictures) } }] },
      ],
    });
    expect(error.name).toBe('NonRetryableError');
    expect(calls).toEqual([]);
  });

  it('is asked for with max_completion_tokens where the model wants that', async () => {
    const { calls } = await complete((call, response) => {
      if (call.question.max_tokens === undefined) streamWords(response, ['ok'], { usage });
      else {
        const message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        refuseChat(response, 400, { message });
      }
    });
    expect(calls.map(({ question }) => question.max_completion_tokens)).toEqual([undefined, 4096]);
  });
});

describe('a stream that goes wrong', () => {
  const partial = (end: (response: ServerResponse) => void) => (_: unknown, response: ServerResponse) => {
    beginStream(response);
    response.write(`data: ${JSON.stringify({ choices: [{ delta: { content: 'x'.repeat(400) } }] })}\n\n`, () =>
      end(response),
    );
  };

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['ends before its time', (response) => response.end(), /broke off before its end/],
    ['is cut', (response) => response.destroy(), /tea-1 failed/],
    ['sends garbage', (response) => response.end('data: {"choi\n\n'), /not JSON/],
    ['sends something else', (response) => response.end('data: {"choices":7}\n\n'), /not one of \/chat\/completions/],
    ['tells of an error', (response) => response.end('data: {"error":{"message":"overloaded"}}\n\n'), /overloaded/],
  ])('is tried again when it %s, and what came is counted', async (_, end, message) => {
    const { error, account } = await fail(partial(end));
    expect(error.name).toBe('Error');
    expect(error.message).toMatch(message);
    expect(account).toMatchObject({ settled: [{ inputTokens: 8, outputTokens: 100 }], released: 0 });
  });

  it('is tried again when it stalls', async () => {
    const { error, account } = await fail(
      partial(() => {}),
      { stallTimeoutMs: 2000 }, // the part must come in time on a busy machine, too
    );
    expect(error).toMatchObject({ name: 'Error', message: 'tea-1 failed: the server sent nothing for 2000 ms' });
    expect(account.settled).toHaveLength(1);
  });

  it('is tried again when nothing comes at all, and nothing is counted', async () => {
    const { error, account } = await fail(() => {}, { stallTimeoutMs: 100 });
    expect(error.name).toBe('Error');
    expect(error.message).toContain('the server sent nothing for 100 ms');
    expect(account).toMatchObject({ settled: [], released: 1 });
  });

  it('fails at once when the answer is larger than what a job keeps', async () => {
    const { error } = await fail((_, response) => {
      beginStream(response);
      for (let part = 0; part < 5; part += 1) {
        writeChunk(response, { choices: [{ delta: { content: 'x'.repeat(100_000) } }] });
      }
    });
    expect(error).toMatchObject({ name: 'NonRetryableError', message: expect.stringContaining('maxTokens') });
  });

  it('ends with the reason of a cancel, and what came is counted', async () => {
    const cancel = new AbortController();
    const { error, account } = await fail(
      partial(() => cancel.abort(new Error('cancelled'))),
      {},
      { signal: cancel.signal },
    );
    expect(error.message).toBe('cancelled');
    expect(account.settled.length + account.released).toBe(1);
  });
});

describe('a server that refuses', () => {
  it.each<[number, object, object, object]>([
    [429, { message: 'slow down' }, { 'retry-after': '7' }, { name: 'RetryLaterError', delayMs: 7000 }],
    [503, { message: 'busy' }, {}, { name: 'Error' }],
    [
      401,
      { message: 'bad key' },
      {},
      { name: 'NonRetryableError', message: expect.stringContaining('OPENAI_API_KEY') },
    ],
    [
      401,
      { message: 'the key key-1 has expired' },
      {},
      { name: 'NonRetryableError', message: expect.stringContaining('the key *** has expired') },
    ],
    [
      404,
      { message: 'no model tea-1' },
      {},
      { name: 'NonRetryableError', message: expect.stringContaining('no model') },
    ],
    [
      400,
      { message: 'maximum context length is 8192', code: 'context_length_exceeded' },
      {},
      { name: 'NonRetryableError', message: expect.stringContaining('maximum context length') },
    ],
  ])('with %i is taken at its word, and its estimate given back', async (status, error, headers, expected) => {
    const failed = await fail((_, response) => refuseChat(response, status, error, headers));
    expect(failed.error).toMatchObject(expected);
    expect(failed.account).toMatchObject({ settled: [], released: 1 });
  });

  it('is not even asked without OPENAI_BASE_URL', async () => {
    await expect(runJob(chatComplete, { messages }, { services: { openAi: undefined } })).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining('OPENAI_BASE_URL'),
    });
  });
});

describe('an answer in JSON', () => {
  const say =
    (...answers: string[]) =>
    ({ index }: ChatCall, response: ServerResponse) =>
      streamWords(response, [answers[index] ?? ''], { usage });

  it.each(['{"topic":"tea"}', '```json\n{"topic":"tea"}\n```'])('is parsed and checked: %j', async (text) => {
    const { output, calls } = await complete(say(text), { responseSchema: topicSchema, isStrict: false });
    expect(output).toMatchObject({ json: { topic: 'tea' }, isRepaired: false });
    expect(calls[0]?.question.response_format).toEqual({
      type: 'json_schema',
      json_schema: { name: 'answer', strict: false, schema: topicSchema },
    });
  });

  it('is asked for once more, with what was wrong, and both are paid', async () => {
    const { output, calls, account } = await complete(say('{"topic":7}', '{"topic":"tea"}'), {
      responseSchema: topicSchema,
    });
    expect(output).toMatchObject({
      json: { topic: 'tea' },
      isRepaired: true,
      usage: { inputTokens: 22, outputTokens: 14, costMicros: 84 },
    });
    expect(calls[1]?.question.messages.slice(1)).toEqual([
      { role: 'assistant', content: '{"topic":7}' },
      { role: 'user', content: expect.stringContaining('/topic must be string') },
    ]);
    expect(account.settled).toHaveLength(2);
  });

  it('is tried again as a whole when the second one does not fit either', async () => {
    const { error, calls } = await fail(say('tea', 'more tea'), { responseSchema: topicSchema });
    expect(error).toMatchObject({ name: 'Error', message: expect.stringContaining('answered twice') });
    expect(calls).toHaveLength(2);
  });

  it.each(['length', 'content_filter'])('fails at once when it ends with %s', async (finishReason) => {
    const { error } = await fail((_, response) => streamWords(response, ['{"to'], { finishReason }), {
      responseSchema: topicSchema,
    });
    expect(error.name).toBe('NonRetryableError');
  });

  it('fails at once when the model refuses', async () => {
    const { error } = await fail(
      (_, response) => {
        beginStream(response);
        writeChunk(response, { choices: [{ delta: { refusal: 'I will not.' }, finish_reason: 'stop' }] });
        response.end('data: [DONE]\n\n');
      },
      { responseSchema: topicSchema },
    );
    expect(error).toMatchObject({ name: 'NonRetryableError', message: 'tea-1 refused: I will not.' });
  });
});

describe('the budget', () => {
  it('that is used up puts the job off to the next day', async () => {
    const account = openAccount({ why: '90 of 100 tokens are used', waitMs: 5000 });
    const { error, calls } = await fail(() => {}, {}, { account });
    expect(error.name).toBe('SnoozeSignal');
    expect(error.delayMs).toBeGreaterThanOrEqual(5000);
    expect(error.delayMs).toBeLessThanOrEqual(65_000);
    expect(calls).toEqual([]);
  });

  it.each<[string, number | undefined, Partial<Input>]>([
    ['that is used up fails the job where it asks for that', 5000, { onBudgetExceeded: 'fail' }],
    ['that no day has fails the job', undefined, {}],
  ])('%s', async (_, waitMs, input) => {
    const account = openAccount({ why: '90 of 100 tokens are used', waitMs });
    const { error } = await fail(() => {}, input, { account });
    expect(error).toMatchObject({ name: 'NonRetryableError', message: expect.stringContaining('90 of 100 tokens') });
  });
});

describe('the input', () => {
  const faultsOf = async (input: object) => {
    const parsed = await parseWith(chatComplete.inputSchema, { messages, ...input }, 'input');
    return parsed.ok ? [] : parsed.faults.map(({ path }) => path);
  };

  it.each<[string, object]>([
    ['no message', { messages: [] }],
    ['an unknown role', { messages: [{ role: 'tool', content: '' }] }],
    [
      'an image that is no URL',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
    ],
    ['an unknown field', { tools: [] }],
    ['a schema of an unknown type', { responseSchema: { type: 'text' } }],
    ['a schema that refers elsewhere', { responseSchema: { $ref: 'https://example.com/a.json' } }],
    ['a schema with patterns of names', { responseSchema: { patternProperties: { '(a+)+$': {} } } }],
    ['a schema that answers later', { responseSchema: { $async: true, type: 'object' } }],
    ['a schema that is too large', { responseSchema: { description: 'x'.repeat(70_000) } }],
  ])('with %s is refused', async (_, input) => {
    expect(await faultsOf(input)).toHaveLength(1);
  });

  it('may have pictures, and a schema as zod and others write it', async () => {
    const content = [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }];
    const $schema = 'http://json-schema.org/draft-07/schema#';
    const responseSchema = { $schema, type: 'string', format: 'email', pattern: '(a+)+$' };
    expect(await faultsOf({ messages: [{ role: 'user', content }], responseSchema })).toEqual([]);
  });
});
