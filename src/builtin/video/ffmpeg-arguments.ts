import { FRAME_RATE, type Size } from './formats.ts';

/** Zooming rounds to whole pixels: of a picture this many times larger, so that nothing is seen to tremble. */
const OVERSAMPLING = 4;
const ZOOM = 0.06;
const FADE_IN_SECONDS = 0.5;
const FADE_OUT_SECONDS = 1.5;
/** Two clips at a time fit a machine with two processors. */
const THREADS = 1;

/** Formats that hold one picture, or sound; not those that name other files or addresses to be opened. */
const PICTURES = 'png_pipe,jpeg_pipe,webp_pipe,image2';
const VIDEOS = 'mov,mp4,m4a,3gp,3g2,mj2';
const SOUNDS = `${VIDEOS},mp3,wav,flac,ogg,aac`;

const GLOBAL = ['-hide_banner', '-loglevel', 'warning', '-nostdin', '-nostats', '-progress', 'pipe:1', '-y'];
const ENCODER = [
  ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '20', '-profile:v', 'high', '-pix_fmt', 'yuv420p'],
  ...['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709', '-color_range', 'tv'],
  ...['-r', String(FRAME_RATE), '-g', String(FRAME_RATE * 2), '-threads', String(THREADS)],
  ...['-video_track_timescale', '12800', '-movflags', '+faststart', '-f', 'mp4'],
];

export interface Clip extends Size {
  image: string;
  frames: number;
  fadeFrames: number;
  zoom: 'in' | 'out' | 'none';
}

/** A still picture that is slowly zoomed, from and to black. */
export function buildClipArguments(clip: Clip, output: string): string[] {
  return [
    ...GLOBAL,
    ...readFrom(clip.image, PICTURES),
    ...['-filter_threads', String(THREADS), '-filter_complex', describeClip(clip), '-map', '[out]'],
    ...['-frames:v', String(clip.frames)],
    ...ENCODER,
    `file:${output}`,
  ];
}

function describeClip({ width, height, frames, fadeFrames, zoom }: Clip): string {
  const large = `${width * OVERSAMPLING}:${height * OVERSAMPLING}`;
  const done = `on/${Math.max(1, frames - 1)}`;
  const factor = { in: `1+${ZOOM}*${done}`, out: `1+${ZOOM}*(1-${done})`, none: '1' }[zoom];
  const filters = [
    `scale=${large}:force_original_aspect_ratio=increase:out_color_matrix=bt709:out_range=tv`,
    `crop=${large}`,
    'format=yuv444p',
    `zoompan=z='${factor}':x='(iw-iw/zoom)/2':y='(ih-ih/zoom)/2':d=${frames}:s=${width}x${height}:fps=${FRAME_RATE}`,
    'setsar=1',
  ];
  if (fadeFrames > 0) {
    filters.push(`fade=in:0:${fadeFrames}`, `fade=out:${frames - fadeFrames}:${fadeFrames}`);
  }
  return `[0:v]${[...filters, 'format=yuv420p'].join(',')}[out]`;
}

export interface Merge extends Size {
  /** Paths of the clips. */
  clips: readonly string[];
  /** Whether the clips are alike, so that their pictures can be taken over as they are. */
  isAlike: boolean;
  durationMs: number;
  audio: string | undefined;
  title: string | undefined;
  /** Names the clips, as {@link listClips} writes it; for clips that are alike. */
  list: string;
}

/** All clips one after the other, with sound that is repeated or cut to their length. */
export function buildMergeArguments(merge: Merge, output: string): string[] {
  const { clips, isAlike, audio, title } = merge;
  const seconds = (merge.durationMs / 1000).toFixed(3);
  const fadeAt = Math.max(0, merge.durationMs / 1000 - FADE_OUT_SECONDS).toFixed(3);
  const fades = `afade=t=in:d=${FADE_IN_SECONDS},afade=t=out:st=${fadeAt}:d=${FADE_OUT_SECONDS}`;
  const inputs = isAlike
    ? readFrom(merge.list, `concat,${VIDEOS}`, '-f', 'concat', '-safe', '0')
    : clips.flatMap((clip) => readFrom(clip, VIDEOS));
  const sound = audio === undefined ? [] : readFrom(audio, SOUNDS, '-stream_loop', '-1');
  const soundAt = isAlike ? 1 : clips.length;
  return [
    ...GLOBAL,
    ...inputs,
    ...sound,
    ...(isAlike ? ['-map', '0:v:0', '-c:v', 'copy'] : ['-filter_complex', joinUnlike(merge), '-map', '[out]']),
    ...(isAlike ? ['-movflags', '+faststart', '-f', 'mp4'] : ENCODER),
    ...(audio === undefined ? ['-an'] : ['-map', `${soundAt}:a:0`, '-c:a', 'aac', '-b:a', '160k', '-ac', '2']),
    ...(audio === undefined ? [] : ['-ar', '44100', '-af', fades]),
    ...['-map_metadata', '-1', ...(title === undefined ? [] : ['-metadata', `title=${title}`])],
    ...['-t', seconds],
    `file:${output}`,
  ];
}

// Clips of other sizes or rates are fitted into the frame of the first, and all are encoded anew.
function joinUnlike({ clips, width, height }: Merge): string {
  const fitted = clips.map(
    (_, index) =>
      `[${index}:v:0]scale=${width}:${height}:force_original_aspect_ratio=decrease,` +
      `pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2,setsar=1,fps=${FRAME_RATE},format=yuv420p[v${index}]`,
  );
  const labels = clips.map((_, index) => `[v${index}]`).join('');
  return `${fitted.join(';')};${labels}concat=n=${clips.length}:v=1:a=0[out]`;
}

/** One picture of a video. */
export function buildPosterArguments(video: string, atMs: number, output: string): string[] {
  return [
    ...GLOBAL,
    ...['-ss', (atMs / 1000).toFixed(3)],
    ...readFrom(video, VIDEOS),
    ...['-frames:v', '1', '-c:v', 'png', '-f', 'image2', '-update', '1'],
    `file:${output}`,
  ];
}

/** Has ffmpeg tell what a clip holds. */
export function buildProbeArguments(video: string): string[] {
  return readFrom(video, VIDEOS);
}

/** The list that the concat demuxer reads. */
export function listClips(clips: readonly string[]): string {
  return `ffconcat version 1.0\n${clips.map((path) => `file 'file:${path.replaceAll("'", "'\\''")}'\n`).join('')}`;
}

// A file may say that it consists of others: only files are opened, and only of the formats that are expected.
function readFrom(path: string, formats: string, ...options: string[]): string[] {
  return [...options, '-protocol_whitelist', 'file', '-format_whitelist', formats, '-i', `file:${path}`];
}
