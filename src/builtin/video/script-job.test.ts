import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createLoopbackSite } from '../../../test/support/loopback-site.ts';
import { runJob } from '../../testing.ts';
import { videoGenerate } from './generate.ts';
import { videoScript } from './script-job.ts';

const site = createLoopbackSite();
afterEach(() => site.close());

type Input = Parameters<
  typeof runJob<{ text?: string; topic?: string; title?: string; maxScenes?: number }, unknown>
>[1];
const text = 'Tea is a drink made from leaves. It is older than most books.';

async function ask(listener: RequestListener, input: Input = { text }, settings: { apiKey?: string } = {}) {
  const baseUrl = `${await site.serve(listener)}/v1/`;
  const openAi = { baseUrl, textModel: 'writer-1', ...settings };
  return runJob(videoScript, input, { services: { fetch: site.fetch, openAi } });
}

function answer(content: unknown): RequestListener {
  const body = typeof content === 'string' ? content : JSON.stringify(content);
  return (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content: body } }] }));
  };
}

describe('the input of video:script and video:generate', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['neither text nor topic', {}, 'input.text'],
    ['both', { text, topic: 'tea' }, 'input.topic'],
    ['an empty text', { text: '' }, 'input.text'],
    ['a blank text', { text: ' \n\t\u00a0 ' }, 'input.text'],
    ['a text of signs alone', { text: '---\n***' }, 'input.text'],
    ['an empty topic', { topic: ' ' }, 'input.topic'],
    ['a blank title', { text, title: ' ' }, 'input.title'],
    ['too many scenes', { text, maxScenes: 41 }, 'input.maxScenes'],
    ['a field that is not known', { text, bogus: 1 }, 'input.bogus'],
  ])('is refused with its path: %s', async (_, input, path) => {
    for (const job of [videoScript, videoGenerate]) {
      await expect(runJob<unknown, unknown>(job as never, input)).rejects.toMatchObject({
        code: 'INVALID_FIELDS',
        errors: [expect.objectContaining({ path })],
      });
    }
  });
});

describe('video:script without a server', () => {
  const services = { openAi: undefined };

  it('writes from the text itself', async () => {
    const { output, progress } = await runJob(videoScript, { text, title: 'Tea' }, { services });
    expect(output).toMatchObject({ title: 'Tea', writer: 'offline', scenes: [{ title: 'Tea' }] });
    expect(progress.at(-1)).toEqual({ percent: 100, message: '1 scenes' });
  });

  it('warns that it knows nothing about a topic', async () => {
    const { output, logs } = await runJob(videoScript, { topic: 'tea' }, { services });
    expect(output.scenes.length).toBe(5);
    expect(logs).toMatchObject([{ level: 'warn', message: expect.stringContaining('OPENAI_BASE_URL') }]);
  });

  it('fails at once for a text in which there is nothing to tell', async () => {
    const run = runJob(videoScript, { text: '```\ncode\n```' }, { services });
    await expect(run).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining('no words'),
    });
  });
});

describe('video:script with an OpenAI-compatible server', () => {
  const scene = { title: 'A drink', narration: 'Tea is made from leaves.' };

  it('asks the model with the key, and keeps what it wrote within the limits', async () => {
    let received: { url: string | undefined; key: string | undefined; body: string } | undefined;
    const scenes = [scene, { title: '', narration: 'word '.repeat(100) }, scene];
    const { output } = await ask(
      async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        received = { url: request.url, key: request.headers.authorization, body: Buffer.concat(chunks).toString() };
        answer({ title: 'All about tea', scenes })(request, response);
      },
      { text, maxScenes: 2 },
      { apiKey: 'sk-secret' },
    );
    expect(output).toMatchObject({
      title: 'All about tea',
      writer: 'model',
      scenes: [{ ...scene, durationMs: 3000 }, {}],
    });
    expect(output.scenes[1]?.narration).toBe(`${'word '.repeat(22).trim()}…`);
    expect(received).toMatchObject({ url: '/v1/chat/completions', key: 'Bearer sk-secret' });
    const { model, messages } = JSON.parse(received?.body ?? '');
    expect(model).toBe('writer-1');
    expect(messages.at(-1).content).toMatch(/at most 2 scenes[\s\S]*Tea is a drink made from leaves/);
  });

  it('sends no key where there is none, and reads an answer in a code fence', async () => {
    let key: string | undefined = 'none yet';
    const { output } = await ask((request, response) => {
      key = request.headers.authorization;
      answer(`Here it is:\n\`\`\`json\n${JSON.stringify({ title: 'Tea', scenes: [scene] })}\n\`\`\``)(
        request,
        response,
      );
    });
    expect(key).toBeUndefined();
    expect(output.scenes).toHaveLength(1);
  });

  it.each<[string, RequestListener, string, RegExp]>([
    ['no JSON', answer('I cannot do that.'), 'Error', /writer-1 answered with no script/],
    ['JSON without scenes', answer({ title: 'Tea', scenes: [] }), 'Error', /no script: scenes/],
    ['another protocol', (_, response) => response.end('{"a":1}'), 'Error', /as \/chat\/completions should/],
    ['a page', (_, response) => response.end('<html>'), 'Error', /not JSON/],
    ['a wrong key', fail(401), 'NonRetryableError', /answered 401.*the reason.*; check OPENAI_API_KEY/],
    ['a wrong model', fail(404), 'NonRetryableError', /answered 404.*the reason/],
    ['a bad request', fail(400), 'NonRetryableError', /answered 400/],
    ['a broken server', fail(503), 'Error', /answered 503/],
  ])('answered with %s ends as it should', async (_, listener, name, message) => {
    const error = await ask(listener, { text }, { apiKey: 'sk-secret' }).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ name, message: expect.stringMatching(message) });
    expect(error?.message).not.toContain('sk-secret');
  });

  it('waits as long as a busy server asks', async () => {
    await expect(ask(fail(429, { 'retry-after': '7' }))).rejects.toMatchObject({
      name: 'RetryLaterError',
      delayMs: 7000,
    });
  });

  it('ends with the signal', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const baseUrl = await site.serve(() => controller.abort(reason));
    const services = { fetch: site.fetch, openAi: { baseUrl, textModel: 'writer-1' } };
    await expect(runJob(videoScript, { text }, { services, signal: controller.signal })).rejects.toBe(reason);
  });
});

function fail(status: number, headers: Record<string, string> = {}): RequestListener {
  return (_, response) =>
    response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end('{"error":{"message":"the reason"}}');
}
