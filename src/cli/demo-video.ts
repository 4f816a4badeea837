import { mkdir, readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '../client.ts';
import type { JobResource } from '../contract/job.ts';
import type { StoredFile } from '../define/files.ts';
import { saveFile } from './save-file.ts';

/** What the video tells; in the repository and in the package. */
export const DEMO_TEXT = 'docs/guides/guarantees.md';

const NAME = 'longshore-demo';
const SCENES = 5;

/** The part of the output of `video:generate` that the demo shows. */
interface VideoOutput {
  video: StoredFile;
  poster: StoredFile;
  subtitles: StoredFile;
  durationMs: number;
  width: number;
  height: number;
}

export interface DemoVideo extends Omit<VideoOutput, 'poster' | 'subtitles'> {
  /** Where its files are, absolute: the video first, its picture and its subtitles. */
  paths: string[];
}

/** The input of `video:generate`. */
export async function createVideoInput(): Promise<{ text: string; maxScenes: number }> {
  const path = fileURLToPath(new URL(`../../${DEMO_TEXT}`, import.meta.url));
  return { text: await readFile(path, 'utf8'), maxScenes: SCENES };
}

/** Fetches the files of the job's output into a folder, by their URLs, as any client would. */
export async function fetchVideo(
  { files }: Client,
  job: JobResource,
  { folder, signal }: { folder: string; signal: AbortSignal },
): Promise<DemoVideo> {
  const { video, poster, subtitles, durationMs, width, height } = job.output as VideoOutput;
  const paths: string[] = [];
  // Players find the subtitles of a video by its name.
  for (const [file, ending] of [
    [video, 'mp4'],
    [poster, 'png'],
    [subtitles, 'srt'],
  ] as const) {
    const path = join(folder, `${NAME}.${ending}`);
    await saveFile(await files.get(file.url, { signal }), path);
    paths.push(path);
  }
  return { video, durationMs, width, height, paths };
}

/** Moves the files to where they stay; those of an earlier demo are replaced. */
export async function keepVideo(video: DemoVideo, folder: string): Promise<DemoVideo> {
  await mkdir(folder, { recursive: true });
  const moves = video.paths.map(async (path) => {
    const kept = join(folder, basename(path));
    await rename(path, kept);
    return kept;
  });
  return { ...video, paths: await Promise.all(moves) };
}
