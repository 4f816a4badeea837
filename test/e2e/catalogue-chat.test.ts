import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AiUsageResource } from '../../src/contract/ai-usage.ts';
import type { LogLineResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import { type ChatCall, refuseChat, serveChat, streamWords } from '../support/chat-server.ts';
import { createLoopbackSite } from '../support/loopback-site.ts';
import { Installation, type Program } from '../support/program.ts';

const messages = [{ role: 'user', content: 'What is tea?' }];
const usage = { prompt_tokens: 40, completion_tokens: 20 };

describe('chat:complete', () => {
  const site = createLoopbackSite();
  let installation: Installation;
  let program: Program;
  let answer: Parameters<typeof serveChat>[0];
  let calls: ChatCall[];

  beforeAll(async () => {
    const served = serveChat((call, response) => answer(call, response));
    calls = served.calls;
    installation = await Installation.create({
      settings: {
        OPENAI_BASE_URL: `${await site.serve(served.listener)}/v1`,
        OPENAI_API_KEY: 'k1',
        OPENAI_MODEL: 'tea-1',
        AI_TOKENS_PER_DAY: '1000',
        AI_PRICES: 'tea-1=1/10',
      },
    });
    program = await installation.start();
  });
  afterEach(() => {
    calls.length = 0;
  });
  afterAll(async () => {
    await installation?.remove();
    await site.close();
  });

  const usageOf = async (tenant: string) =>
    (await program.call<Page<AiUsageResource>>(`/v1/ai-usage?tenant=${tenant}`)).body.items;

  it('keeps the answer with its usage, which is counted for the tenant', async () => {
    answer = (_, response) => streamWords(response, ['Tea is ', 'a drink.'], { usage });
    const { id } = await program.enqueue('chat:complete', { messages, maxTokens: 100 }, { tenant: 'shop' });
    expect(await program.jobEnded(id)).toMatchObject({
      status: 'completed',
      progress: { percent: 100, message: '20 tokens' },
      output: {
        text: 'Tea is a drink.',
        model: 'served-1',
        finishReason: 'stop',
        usage: { inputTokens: 40, outputTokens: 20, costMicros: 240, isEstimated: false },
      },
    });
    expect(calls[0]?.authorization).toBe('Bearer k1');
    expect(await usageOf('shop')).toEqual([
      {
        tenant: 'shop',
        day: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
        model: 'tea-1',
        calls: 1,
        inputTokens: 40,
        outputTokens: 20,
        costMicros: 240,
      },
    ]);
    const { items } = (await program.call<Page<LogLineResource>>(`/v1/jobs/${id}/logs`)).body;
    expect(items.map(({ message }) => message)).toContain('tea-1 answered');
  });

  it('tries again after a busy server, a stream that breaks off and one that stalls', async () => {
    answer = ({ index }, response) => {
      if (index === 0) refuseChat(response, 429, { message: 'slow down' }, { 'retry-after': '1' });
      else if (index === 1)
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"choices":[]}\n\n');
      else if (index === 2) response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': wait\n\n');
      else streamWords(response, ['ok'], { usage });
    };
    // As short as a busy machine allows: the last call must not stall.
    const input = { messages, maxTokens: 10, stallTimeoutMs: 3000 };
    const backoff = { type: 'fixed', delayMs: 1 } as const;
    const { id } = await program.enqueue('chat:complete', input, { attempts: 4, backoff, tenant: 'patient' });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed', output: { text: 'ok' }, attempt: 4 });
    expect(await program.outcomes(id)).toEqual(['retrying', 'retrying', 'retrying', 'completed']);
  });

  it('answers in JSON that fits the schema', async () => {
    answer = ({ index }, response) =>
      streamWords(response, [index === 0 ? '{"topic":7}' : '{"topic":"tea"}'], { usage });
    const responseSchema = { type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'] };
    const { id } = await program.enqueue('chat:complete', { messages, maxTokens: 10, responseSchema });
    expect(await program.jobEnded(id)).toMatchObject({ output: { json: { topic: 'tea' }, isRepaired: true } });
    const refused = await program.call<Problem>('/v1/jobs', {
      json: { type: 'chat:complete', input: { messages, responseSchema: { type: 'nonsense' } } },
    });
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: 'input.responseSchema' }] } });
  });

  it('fails at once, with what the server says, and counts nothing', async () => {
    answer = (_, response) => refuseChat(response, 404, { message: 'the model does not exist' });
    const { id } = await program.enqueue(
      'chat:complete',
      { messages, model: 'none', maxTokens: 10 },
      { tenant: 'lost' },
    );
    expect(await program.jobEnded(id)).toMatchObject({
      status: 'failed',
      reason: 'non_retryable',
      error: { message: expect.stringContaining('the model does not exist') },
    });
    expect(await usageOf('lost')).toMatchObject([{ model: 'none', calls: 0, inputTokens: 0, outputTokens: 0 }]);
  });

  it('waits for the next day, without an attempt, when the budget of its tenant is used up', async () => {
    answer = (_, response) => streamWords(response, ['x'], { usage: { prompt_tokens: 400, completion_tokens: 500 } });
    const input = { messages, maxTokens: 500 };
    const first = await program.enqueue('chat:complete', input, { tenant: 'busy' });
    expect(await program.jobEnded(first.id)).toMatchObject({ status: 'completed' });
    const second = await program.enqueue('chat:complete', input, { tenant: 'busy' });
    const third = await program.enqueue('chat:complete', { ...input, onBudgetExceeded: 'fail' }, { tenant: 'busy' });
    expect(await program.jobEnded(third.id)).toMatchObject({
      status: 'failed',
      error: { message: expect.stringMatching(/budget of tenant "busy" is used up: 900 of 1000 tokens/) },
    });
    expect(await program.jobIs(second.id, 'scheduled')).toMatchObject({
      attempt: 0,
      progress: { message: expect.stringContaining('waits for the next day') },
    });
    expect(calls).toHaveLength(1);
  });

  it('fails at once when no day has room for the call', async () => {
    const { id } = await program.enqueue('chat:complete', { messages, maxTokens: 5000 }, { tenant: 'huge' });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'failed', reason: 'non_retryable' });
  });
});
