import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createLoopbackSite } from '../../../test/support/loopback-site.ts';
import { runJob } from '../../testing.ts';
import { layOutCard } from './card.ts';
import { videoImage } from './image-job.ts';
import { renderCard } from './render-card.ts';

const site = createLoopbackSite();
afterEach(() => site.close());

const services = { openAi: undefined };
const scene = { title: 'A drink', narration: 'Tea is made from leaves.', heading: 'Tea', scene: 2, scenes: 5 };

function sizeOf(png: Uint8Array): [width: number, height: number] {
  const bytes = Buffer.from(png);
  expect(bytes.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

describe('a title card', () => {
  it.each([
    ['landscape', 1280, 720],
    ['vertical', 720, 1280],
  ] as const)('is a PNG of its format: %s', async (format, width, height) => {
    const { output, files } = await runJob(videoImage, { ...scene, format }, { services });
    expect(output).toMatchObject({ width, height, image: { url: expect.stringMatching(/scene\.png$/) } });
    expect(sizeOf(await readFile(files[0]?.path ?? ''))).toEqual([width, height]);
  });

  it.each([
    ['a title of several lines', { title: 'A long title that goes on '.repeat(10), narration: 'text '.repeat(300) }],
    ['one endless word', { title: 'x'.repeat(500), narration: 'y'.repeat(2000) }],
    ['scripts that the font lacks', { title: '你好 العربية हिन्दी 🎉', narration: 'Привет ελληνικά Tiếng Việt →' }],
    ['a narration alone', { title: '', narration: 'The narration is the headline.' }],
    ['a title alone', { narration: '' }],
    ['more scenes than segments', { scene: 40, scenes: 40 }],
    ['markup', { title: '<b>&amp;</b> **bold**', narration: '<script>"&' }],
  ])('takes %s', async (_, fields) => {
    const { files } = await runJob(videoImage, { ...scene, ...fields }, { services });
    expect(sizeOf(await readFile(files[0]?.path ?? ''))).toEqual([1280, 720]);
  });

  it('names the video above the title, without a lonely dot where it is the title', () => {
    const header = (title: string) => {
      const root = layOutCard({ ...scene, format: 'landscape', title });
      return JSON.stringify(root).match(/"borderRadius":7,/g)?.length ?? 0;
    };
    expect([header('A drink'), header('Tea')]).toEqual([1, 0]);
  });

  it('is the same for the same scene, and replaces itself', async () => {
    const job = { id: '019ab000-0000-7000-8000-000000000001' };
    const first = await runJob(videoImage, scene, { services, job });
    const bytes = await readFile(first.files[0]?.path ?? '');
    const second = await runJob(videoImage, scene, { services, job, attempt: 2 });
    expect(second.output).toEqual(first.output);
    expect((await readFile(second.files[0]?.path ?? '')).equals(bytes)).toBe(true);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['nothing to show', { title: ' ', narration: '' }, 'input.title'],
    ['a scene beyond the last', { scene: 6 }, 'input.scene'],
    ['an unknown format', { format: 'square' }, 'input.format'],
  ])('is refused with its path: %s', async (_, fields, path) => {
    await expect(runJob(videoImage, { ...scene, ...fields }, { services })).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [expect.objectContaining({ path })],
    });
  });
});

describe('a background from a provider', () => {
  async function paint(listener: RequestListener) {
    const openAi = {
      baseUrl: await site.serve(listener),
      textModel: 'writer-1',
      imageModel: 'painter-1',
      apiKey: 'sk-secret',
    };
    return runJob(videoImage, scene, { services: { fetch: site.fetch, openAi } });
  }

  async function drawPicture(): Promise<Buffer> {
    return Buffer.from(await renderCard({ ...scene, format: 'landscape', title: 'a picture' }));
  }

  it('lies under the text, whether it comes in the answer or by URL', async () => {
    const picture = await drawPicture();
    const plain = await runJob(videoImage, scene, { services });
    let question: Record<string, unknown> = {};
    const inline = await paint(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      question = JSON.parse(Buffer.concat(chunks).toString());
      response.end(JSON.stringify({ data: [{ b64_json: picture.toString('base64') }] }));
    });
    expect(question).toMatchObject({
      model: 'painter-1',
      size: '1536x1024',
      prompt: expect.stringContaining('A drink'),
    });
    expect(inline.output.image.bytes).not.toBe(plain.output.image.bytes);

    const keys: (string | undefined)[] = [];
    const linked = await paint((request, response) => {
      keys.push(request.headers.authorization);
      if (request.url === '/picture.png') response.end(picture);
      else response.end(JSON.stringify({ data: [{ url: `http://${request.headers.host}/picture.png` }] }));
    });
    expect(linked.output.image.bytes).toBe(inline.output.image.bytes);
    expect(keys).toEqual(['Bearer sk-secret', undefined]);
  });

  it.each<[string, RequestListener, string, RegExp]>([
    ['no picture', (_, response) => response.end('{"data":[]}'), 'Error', /as \/images\/generations should/],
    ['text', (_, response) => response.end('{"data":[{"b64_json":"aGVsbG8="}]}'), 'NonRetryableError', /PNG or JPEG/],
    ['a wrong key', (_, response) => response.writeHead(401).end(), 'NonRetryableError', /check OPENAI_API_KEY/],
    ['a broken server', (_, response) => response.writeHead(500).end(), 'Error', /answered 500/],
  ])('answered with %s ends as it should', async (_, listener, name, message) => {
    await expect(paint(listener)).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
  });
});
