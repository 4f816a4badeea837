import { z } from 'zod';
import type { JobContext } from '../../define/context.ts';
import { defineJob } from '../../define/job.ts';
import { buildClipArguments } from './ffmpeg-arguments.ts';
import { findFfmpeg } from './find-ffmpeg.ts';
import { FRAME_RATE, fileReferenceSchema, formatSchema, sizes, storedFileSchema } from './formats.ts';
import { renderQueue } from './queues.ts';
import { runFfmpeg } from './run-ffmpeg.ts';

const inputSchema = z.strictObject({
  image: fileReferenceSchema.meta({ description: 'Key or URL of a PNG, JPEG or WebP that a job has made.' }),
  durationMs: z.int().min(500).max(60_000).default(5000),
  format: formatSchema,
  zoom: z.enum(['in', 'out', 'none']).default('in'),
  fadeMs: z.int().min(0).max(2000).default(400).meta({ description: 'From black, and to black.' }),
});

const outputSchema = z.object({
  clip: storedFileSchema,
  durationMs: z.int(),
  width: z.int(),
  height: z.int(),
});

export const videoClip = defineJob({
  type: 'video:clip',
  description: 'Makes a clip of a picture: a gentle zoom, from and to black.',
  input: inputSchema,
  output: outputSchema,
  queue: renderQueue,
  examples: [
    {
      title: 'Make a clip of two seconds',
      input: { image: '/v1/files/01980000-0000-7000-8000-000000000001-scene.png', durationMs: 2000, zoom: 'out' },
    },
  ],
  failures: [
    { when: 'there is no such picture, or ffmpeg cannot read it', effect: 'fail' },
    { when: 'ffmpeg is missing', effect: 'fail' },
    { when: 'ffmpeg ends with an error', effect: 'retry' },
  ],
  repeats: 'The clip is made again and takes the place of the former one.',
  timeoutMs: 600_000,
  run: renderClip,
});

async function renderClip(input: z.output<typeof inputSchema>, ctx: JobContext): Promise<z.input<typeof outputSchema>> {
  const program = await findFfmpeg(ctx.services.media.ffmpegPath);
  const image = await ctx.files.locate(input.image);
  const size = sizes[input.format];
  const frames = toFrames(input.durationMs);
  const fadeFrames = Math.min(toFrames(input.fadeMs), Math.floor(frames / 2));
  const clip = await ctx.files.create('clip.mp4', async (path) => {
    await runFfmpeg(program, buildClipArguments({ image, frames, fadeFrames, zoom: input.zoom, ...size }, path), {
      signal: ctx.signal,
      onProgress: ({ frame }) => ctx.progress((99 * frame) / frames, `frame ${frame} of ${frames}`),
    });
  });
  ctx.progress(100, `${frames} frames`);
  return { clip, durationMs: (frames * 1000) / FRAME_RATE, ...size };
}

function toFrames(ms: number): number {
  return Math.round((ms * FRAME_RATE) / 1000);
}
