import { execFile } from 'node:child_process';
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { waitFor } from '../../../test/support/wait-for.ts';
import { defineJob } from '../../define/job.ts';
import { type RunJobOptions, runJob } from '../../testing.ts';
import { videoClip } from './clip-job.ts';
import { findFfmpeg } from './find-ffmpeg.ts';
import { videoImage } from './image-job.ts';
import { toFileName, videoMerge } from './merge-job.ts';

const execute = promisify(execFile);

let base: string;
let ffmpeg: string;
let options: RunJobOptions;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'video-'));
  ffmpeg = await findFfmpeg(undefined);
  options = { storageDir: join(base, 'files'), services: { media: {}, openAi: undefined, fileRoots: [base] } };
});
afterAll(() => rm(base, { recursive: true, force: true }));

/** What ffmpeg says of a file, after decoding all of it. */
async function decode(path: string): Promise<string> {
  const { stderr } = await execute(ffmpeg, ['-hide_banner', '-nostdin', '-i', path, '-f', 'null', '-']);
  return stderr;
}

/** The names of the outermost parts of an MP4, in their order. */
async function listBoxes(path: string): Promise<string[]> {
  const names: string[] = [];
  const file = await open(path);
  try {
    const header = Buffer.alloc(8);
    for (let at = 0; (await file.read(header, 0, 8, at)).bytesRead === 8; at += Math.max(8, header.readUInt32BE(0))) {
      names.push(header.toString('latin1', 4, 8));
    }
  } finally {
    await file.close();
  }
  return names;
}

const images = new Map<string, string>();
async function makeImage(format: 'landscape' | 'vertical' = 'landscape'): Promise<string> {
  const made = images.get(format);
  if (made !== undefined) return made;
  const { output } = await runJob(videoImage, { title: 'A scene', format }, options);
  images.set(format, output.image.key);
  return output.image.key;
}

async function makeClip(
  fields: { durationMs?: number; format?: 'landscape' | 'vertical'; zoom?: 'in' | 'out' | 'none' } = {},
) {
  const image = await makeImage(fields.format);
  return runJob(videoClip, { image, durationMs: 600, ...fields }, options);
}

async function makeTone(seconds: number): Promise<string> {
  await execute(ffmpeg, ['-y', '-f', 'lavfi', '-i', `sine=duration=${seconds}`, join(base, 'tone.wav')]);
  return 'tone.wav';
}

describe('video:clip', () => {
  it('makes H.264 of the size and duration that were asked for, and reports its frames', async () => {
    const { output, files, progress } = await makeClip({ durationMs: 1000 });
    expect(output).toMatchObject({ durationMs: 1000, width: 1280, height: 720 });
    const path = files[0]?.path ?? '';
    const facts = await decode(path);
    expect(facts).toMatch(/Duration: 00:00:01\.00/);
    expect(facts).toMatch(/Video: h264 \(High\).*yuv420p.*1280x720.*25 fps/);
    expect(facts).toMatch(/frame= *25 /);
    const boxes = await listBoxes(path);
    expect(boxes.indexOf('moov')).toBeGreaterThan(-1);
    expect(boxes.indexOf('moov')).toBeLessThan(boxes.indexOf('mdat'));
    expect(progress.at(-2)).toEqual({ percent: 99, message: 'frame 25 of 25' });
    expect(progress.at(-1)).toMatchObject({ percent: 100 });
  });

  it('fails at once where there is no ffmpeg, or no such picture', async () => {
    const input = { image: await makeImage() };
    const services = { ...options.services, media: { ffmpegPath: '/no/such/ffmpeg' } };
    await expect(runJob(videoClip, input, { ...options, services })).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining('FFMPEG_PATH'),
    });
    await expect(runJob(videoClip, { image: 'x' }, options)).rejects.toMatchObject({ name: 'NonRetryableError' });
  });

  it('opens nothing that a file in the place of a picture names', async () => {
    const writeList = defineJob({
      type: 'test:list',
      input: z.null(),
      run: (_, ctx) => ctx.files.create('list.png', "ffconcat version 1.0\nfile 'other.png'\n"),
    });
    const { files } = await runJob(writeList, null, options);
    await expect(runJob(videoClip, { image: files[0]?.key ?? '' }, options)).rejects.toThrow(/ffmpeg ended with/);
  });

  it('ends with the signal while ffmpeg writes, and leaves nothing', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const id = '019ab000-0000-7000-8000-000000000001';
    const folder = join(base, 'files', '.jobs', 'default', id);
    const input = { image: await makeImage(), durationMs: 60_000 };
    const run = runJob(videoClip, input, { ...options, job: { id }, signal: controller.signal });
    run.catch(() => {}); // it is looked at below; waiting may fail first
    await waitFor(async () => (await readdir(folder)).length > 0, { describe: 'ffmpeg writes' });
    controller.abort(reason);
    await expect(run).rejects.toBe(reason);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('video:merge', () => {
  it('joins clips as they are, with subtitles and a poster', async () => {
    const clips = [
      await makeClip({ durationMs: 1000, zoom: 'none' }),
      await makeClip({ durationMs: 520, zoom: 'out' }),
    ];
    const { output, files } = await runJob(
      videoMerge,
      {
        clips: clips.map(({ output: { clip } }, index) => ({ clip: clip.url, narration: `Narration ${index + 1}.` })),
        title: 'What’s new in 2.0?',
      },
      options,
    );
    expect(output).toMatchObject({ durationMs: 1520, width: 1280, height: 720 });
    expect(output.video.url).toMatch(/-what-s-new-in-2-0\.mp4$/);
    const [video = '', poster = '', subtitles = ''] = files.map(({ path }) => path);
    const facts = await decode(video);
    expect(facts).toMatch(/Duration: 00:00:01\.52/);
    expect(facts).toMatch(/Video: h264 \(High\).*yuv420p.*1280x720.*25 fps/);
    expect(facts).toMatch(/frame= *38 /);
    expect(facts).not.toMatch(/Audio:/);
    const boxes = await listBoxes(video);
    expect(boxes.indexOf('moov')).toBeLessThan(boxes.indexOf('mdat'));
    expect((await readFile(poster)).subarray(1, 4).toString()).toBe('PNG');
    expect(await readFile(subtitles, 'utf8')).toBe(
      '1\n00:00:00,000 --> 00:00:01,000\nNarration 1.\n\n2\n00:00:01,000 --> 00:00:01,520\nNarration 2.\n',
    );
  });

  it('fits clips of another size into the first, and repeats music to the end', async () => {
    const audio = await makeTone(0.3);
    const clips = [await makeClip({ format: 'vertical' }), await makeClip()];
    const inputs = clips.map(({ output: { clip } }) => ({ clip: clip.key }));
    const { output, files } = await runJob(videoMerge, { clips: inputs, audio }, options);
    expect(output).toMatchObject({ durationMs: 1200, width: 720, height: 1280 });
    const facts = await decode(files[0]?.path ?? '');
    expect(facts).toMatch(/Duration: 00:00:01\.2/);
    expect(facts).toMatch(/Video: h264 .*720x1280/);
    expect(facts).toMatch(/Audio: aac.*44100 Hz, stereo/);
  });

  it('takes music only from files that jobs may read, and only sound', async () => {
    const clips = [{ clip: (await makeClip({ durationMs: 520 })).output.clip.key }];
    const refused = runJob(videoMerge, { clips, audio: '/etc/hostname' }, options);
    await expect(refused).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining('FILE_ROOTS'),
    });
    await writeFile(join(base, 'playlist.mp3'), '#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n');
    await expect(runJob(videoMerge, { clips, audio: 'playlist.mp3' }, options)).rejects.toThrow(/ffmpeg ended with/);
  });

  it('fails at once for what is no clip', async () => {
    const run = runJob(videoMerge, { clips: [{ clip: await makeImage() }] }, options);
    await expect(run).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining('not an MP4'),
    });
  });

  it.each([
    ['Release 1.2 — “Ünïcode”', 'release-1-2-unicode'],
    ['你好', 'video'],
    [undefined, 'video'],
    ['x'.repeat(200), 'x'.repeat(60)],
  ])('names the file of %j %j', (title, name) => expect(toFileName(title)).toBe(name));
});
