import { NonRetryableError } from '../../define/errors.ts';
import { buildProbeArguments } from './ffmpeg-arguments.ts';
import type { Size } from './formats.ts';
import { describeInput } from './run-ffmpeg.ts';

export interface ClipFacts extends Size {
  durationMs: number;
  /** Codec, pixel format, size and rate: clips with the same can be joined as they are. */
  encoding: string;
}

/** @throws NonRetryableError when the file holds no video that ffmpeg can read */
export async function probeClip(program: string, path: string, name: string, signal: AbortSignal): Promise<ClipFacts> {
  const description = await describeInput(program, buildProbeArguments(path), signal);
  const facts = readClipFacts(description);
  if (facts) return facts;
  const reason = description
    .trim()
    .split(/[\r\n]+/)
    .at(-1);
  throw new NonRetryableError(`"${name}" is not an MP4 video that can be joined: ${reason}`);
}

/** Reads what `ffmpeg -i` prints about a file; its words have been the same since version 4. */
export function readClipFacts(description: string): ClipFacts | undefined {
  const [, hours, minutes, seconds] = /Duration: (\d+):(\d\d):(\d\d\.\d+)/.exec(description) ?? [];
  const [, stream] = /Stream #0:\d.*?: Video: (.*)/.exec(description) ?? [];
  const [, width, height] = /, (\d{2,5})x(\d{2,5})/.exec(stream ?? '') ?? [];
  if (stream === undefined || seconds === undefined || height === undefined) return undefined;
  const [codec = ''] = stream.split(/[ ,(]/, 1);
  const pixels = /\b(?:yuvj?|rgb|gbrp?|gray)\w*/.exec(stream)?.[0];
  const rate = /([\d.]+) fps/.exec(stream)?.[1];
  const base = /([\d.]+k?) tbn/.exec(stream)?.[1];
  return {
    durationMs: Math.round((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000),
    width: Number(width),
    height: Number(height),
    encoding: [codec, pixels, `${width}x${height}`, rate, base].join(' '),
  };
}
