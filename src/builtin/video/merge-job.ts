import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { JobContext } from '../../define/context.ts';
import { defineJob } from '../../define/job.ts';
import { locateAudio } from './audio.ts';
import { buildMergeArguments, buildPosterArguments, listClips, type Merge } from './ffmpeg-arguments.ts';
import { findFfmpeg } from './find-ffmpeg.ts';
import { fileReferenceSchema, storedFileSchema } from './formats.ts';
import { type ClipFacts, probeClip } from './probe-clip.ts';
import { renderQueue } from './queues.ts';
import { runFfmpeg } from './run-ffmpeg.ts';

const MAX_CLIPS = 100;

export const audioSchema = z.string().min(1).max(2000).meta({
  description: 'Background music: key or URL of a file that a job has made, or a path below FILE_ROOTS.',
});

const inputSchema = z.strictObject({
  clips: z
    .array(
      z.strictObject({
        clip: fileReferenceSchema.meta({ description: 'Key or URL of an MP4 that a job has made.' }),
        narration: z.string().max(2000).optional().meta({ description: 'For the subtitles.' }),
      }),
    )
    .min(1)
    .max(MAX_CLIPS),
  title: z.string().max(500).optional().meta({ description: 'Names the file.' }),
  audio: audioSchema.optional(),
});

export const mergeOutputSchema = z.object({
  video: storedFileSchema,
  poster: storedFileSchema,
  subtitles: storedFileSchema,
  durationMs: z.int(),
  width: z.int(),
  height: z.int(),
});

export const videoMerge = defineJob({
  type: 'video:merge',
  description: 'Joins clips to one video, with music, subtitles and a poster.',
  input: inputSchema,
  output: mergeOutputSchema,
  queue: renderQueue,
  examples: [
    {
      title: 'Join clips',
      input: {
        title: 'Tea',
        clips: [
          { clip: '/v1/files/01980000-0000-7000-8000-000000000002-clip.mp4', narration: 'Tea is a drink.' },
          { clip: '/v1/files/01980000-0000-7000-8000-000000000002-clip.mp4', narration: 'It is made from leaves.' },
        ],
      },
    },
  ],
  failures: [
    { when: 'a clip or the music is missing, or of another kind', effect: 'fail' },
    { when: 'ffmpeg is missing', effect: 'fail' },
    { when: 'ffmpeg ends with an error', effect: 'retry' },
  ],
  repeats: 'The video, its poster and its subtitles are made again and take the place of the former ones.',
  timeoutMs: 1_800_000,
  run: mergeClips,
});

async function mergeClips(
  input: z.output<typeof inputSchema>,
  ctx: JobContext,
): Promise<z.input<typeof mergeOutputSchema>> {
  const program = await findFfmpeg(ctx.services.media.ffmpegPath);
  const clips = await Promise.all(input.clips.map(({ clip }) => ctx.files.locate(clip)));
  const audio = input.audio === undefined ? undefined : await locateAudio(input.audio, ctx);
  const facts: ClipFacts[] = [];
  for (const [index, path] of clips.entries()) {
    facts.push(await probeClip(program, path, input.clips[index]?.clip ?? path, ctx.signal));
  }
  const [first] = facts as [ClipFacts, ...ClipFacts[]];
  const { width, height } = first;
  const durationMs = facts.reduce((sum, clip) => sum + clip.durationMs, 0);
  const isAlike = facts.every(({ encoding }) => encoding === first.encoding);

  const merge = { clips, isAlike, durationMs, audio, title: input.title, width, height };
  const video = await ctx.files.create(`${toFileName(input.title)}.mp4`, (path) =>
    joinClips(program, merge, path, ctx),
  );
  const poster = await ctx.files.create('poster.png', async (path) => {
    const args = buildPosterArguments(clips[0] ?? '', first.durationMs / 2, path);
    await runFfmpeg(program, args, { signal: ctx.signal });
  });
  const told = facts.map((clip, index) => ({ ...clip, narration: input.clips[index]?.narration }));
  const { writeSubtitles } = await import('./subtitles.ts');
  const subtitles = await ctx.files.create('subtitles.srt', writeSubtitles(told));
  ctx.progress(100, `${clips.length} clips, ${(durationMs / 1000).toFixed(1)} s`);
  return { video, poster, subtitles, durationMs, width, height };
}

async function joinClips(program: string, merge: Omit<Merge, 'list'>, output: string, ctx: JobContext): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-merge-'));
  try {
    const list = join(folder, 'clips.txt');
    await writeFile(list, listClips(merge.clips));
    await runFfmpeg(program, buildMergeArguments({ ...merge, list }, output), {
      signal: ctx.signal,
      onProgress: ({ timeMs }) => ctx.progress((98 * timeMs) / merge.durationMs, 'joining the clips'),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `What's new in 2.0?` → `what-s-new-in-2-0` */
export function toFileName(title = ''): string {
  const words =
    title
      .normalize('NFKD')
      .replaceAll(/\p{M}/gu, '')
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? [];
  return words.join('-').slice(0, 60).replace(/-$/, '') || 'video';
}
