import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFfmpeg } from '../../src/builtin/video/find-ffmpeg.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import { Installation, type Program } from '../support/program.ts';

const VIDEO_LIMIT_MS = 120_000;
const text = '# Tea\n\nTea is a drink made from leaves.\n\n## Green\n\nGreen tea is not fermented at all.';

interface Video {
  video: { url: string; bytes: number };
  poster: { url: string };
  subtitles: { url: string };
  durationMs: number;
}

describe('video:generate', { timeout: VIDEO_LIMIT_MS + 30_000 }, () => {
  let installation: Installation;
  let program: Program;
  let ffmpeg: string;

  beforeAll(async () => {
    installation = await Installation.create();
    program = await installation.start();
    ffmpeg = await findFfmpeg(undefined);
  });
  afterAll(() => installation?.remove());

  it('makes an MP4 of a text, which can be fetched and played, with subtitles and a poster', async () => {
    const { id } = await program.enqueue('video:generate', { text });
    const job = await program.jobEnded(id, VIDEO_LIMIT_MS);
    expect(job).toMatchObject({ status: 'completed', output: { title: 'Tea', scenes: 2, width: 1280, height: 720 } });
    const output = job.output as Video;
    expect(output.video.url).toMatch(/-tea\.mp4$/);

    const video = await fetch(new URL(output.video.url, program.url));
    expect(video.headers.get('content-type')).toBe('video/mp4');
    const path = join(installation.folder, 'tea.mp4');
    writeFileSync(path, await video.bytes());
    const { stderr } = await promisify(execFile)(ffmpeg, ['-nostdin', '-i', path, '-f', 'null', '-']);
    expect(stderr).toMatch(/Duration: 00:00:06\.00/);
    expect(stderr).toMatch(/Video: h264 .*yuv420p.*1280x720/);

    const subtitles = await fetch(new URL(output.subtitles.url, program.url));
    expect(await subtitles.text()).toMatch(/^1\n00:00:00,000 --> 00:00:03,000\nTea is a drink/);
    expect((await fetch(new URL(output.poster.url, program.url))).headers.get('content-type')).toBe('image/png');

    const { items } = (await program.call<Page<{ type: string; status: string }>>(`/v1/jobs?parentId=${id}`)).body;
    expect(items.map(({ type, status }) => `${type} ${status}`).sort()).toEqual([
      ...['video:clip completed', 'video:clip completed', 'video:image completed', 'video:image completed'],
      ...['video:merge completed', 'video:script completed'],
    ]);
  });

  it.each(['video:generate', 'video:script'])('refuses an empty text with 422: %s', async (type) => {
    for (const empty of ['', ' \n']) {
      const { status, body } = await program.call<Problem>('/v1/jobs', { json: { type, input: { text: empty } } });
      expect(status).toBe(422);
      expect(body.errors).toMatchObject([{ path: 'input.text' }]);
    }
  });
});

it('video:clip fails at once where ffmpeg is missing, and says what to do', async () => {
  const installation = await Installation.create({ settings: { FFMPEG_PATH: '/no/such/ffmpeg' } });
  try {
    const program = await installation.start();
    const { id } = await program.enqueue('video:clip', { image: '/v1/files/any' });
    expect(await program.jobEnded(id)).toMatchObject({
      status: 'failed',
      reason: 'non_retryable',
      attempt: 1,
      error: { message: expect.stringContaining('FFMPEG_PATH is "/no/such/ffmpeg", which does not exist') },
    });
  } finally {
    await installation.remove();
  }
});
