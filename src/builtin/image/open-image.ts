import { availableParallelism } from 'node:os';
import type sharpLibrary from 'sharp';
import type { Metadata, Sharp, SharpOptions } from 'sharp';
import { NonRetryableError } from '../../define/errors.ts';

/** By their first bytes. SVG is not among them: it may refer to other files and to servers. */
const READABLE: Readonly<Record<string, string>> = {
  'image/jpeg': 'jpeg',
  'image/png': 'png',
  'image/apng': 'png',
  'image/webp': 'webp',
  'image/avif': 'avif',
  'image/gif': 'gif',
  'image/tiff': 'tiff',
};
/** How many images a worker works on at once: jobs of the queue `image`. */
export const IMAGE_CONCURRENCY = 2;
/** How long one step may take; libvips ends it then. */
const STEP_SECONDS = 240;

export interface OpenedImage {
  /** Which of {@link READABLE} it is. */
  format: string;
  metadata: Metadata;
  /** Begins a pipeline that decodes it, with these options besides the limits. */
  decode(options?: SharpOptions): Sharp;
}

type Library = typeof sharpLibrary;
let loading: Promise<Library> | undefined;

/** Loads sharp with the first image. Its threads are those of libvips, so they never hold up the program. */
export function loadSharp(): Promise<Library> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // All jobs of the queue together keep all processors busy, and no more.
    sharp.concurrency(Math.max(1, Math.floor(availableParallelism() / IMAGE_CONCURRENCY)));
    sharp.cache(false); // no two jobs work on the same
    return sharp;
  });
  return loading;
}

/**
 * Reads what an image says of itself, without its pixels.
 * @throws NonRetryableError for what is no image that is read here, is damaged, or has more than `maxPixels`
 */
export async function openImage(content: Buffer, maxPixels: number): Promise<OpenedImage> {
  const [{ fileTypeFromBuffer }, sharp] = await Promise.all([import('file-type'), loadSharp()]);
  const type = await fileTypeFromBuffer(content);
  const format = READABLE[type?.mime ?? ''];
  if (format === undefined) {
    const found = type ? `is ${type.mime}` : 'is no image, or SVG, which may refer to other files';
    throw new NonRetryableError(`the source ${found}; read are ${Object.values(READABLE).join(', ')}`);
  }
  const decode = (options: SharpOptions = {}) =>
    sharp(content, { limitInputPixels: maxPixels, failOn: 'warning', ...options }).timeout({ seconds: STEP_SECONDS });
  const metadata = await explained(decode().metadata());
  const pixels = metadata.width * metadata.height;
  if (pixels > maxPixels) {
    throw new NonRetryableError(
      `the image has ${metadata.width} × ${metadata.height} pixels; maxPixels allows ${maxPixels}`,
    );
  }
  return { format, metadata, decode };
}

/** @throws NonRetryableError for what libvips says of the image; an error that may be mended for one that took too long */
export async function explained<Result>(working: Promise<Result>): Promise<Result> {
  try {
    return await working;
  } catch (error) {
    const { message } = error as Error;
    if (/timeout/i.test(message)) throw new Error(`the image took longer than ${STEP_SECONDS} s`, { cause: error });
    throw new NonRetryableError(`the image cannot be processed: ${message}`, { cause: error });
  }
}
