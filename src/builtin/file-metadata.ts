import type { JobContext } from '../define/context.ts';
import { callWithin } from './call-within.ts';
import type { FileInput, FileOutput, ImageFacts } from './file-schema.ts';
import { openImage } from './image/open-image.ts';
import { readWhole } from './local-copy.ts';

/** An image is held in memory while it is looked at. */
const MAX_BYTES = 256 * 1024 ** 2;
/** Nothing is decoded, so it may be large. */
const MAX_PIXELS = 268_402_689;
/** A tag may say that it has millions of values, and thousands of tags may share them: that filled all memory. */
const EXIF_TIMEOUT_MS = 250;

/** Tells what an image is. Nothing is kept. */
export async function readMetadata(input: FileInput, ctx: JobContext): Promise<FileOutput> {
  const content = await readWhole(input.source ?? '', Math.min(input.maxBytes, MAX_BYTES), ctx);
  const { format, metadata } = await openImage(content, MAX_PIXELS);
  const image: ImageFacts = {
    format,
    width: metadata.width,
    height: metadata.pageHeight ?? metadata.height,
    orientation: metadata.orientation ?? null,
    pages: metadata.pages ?? 1,
    hasAlpha: metadata.hasAlpha,
    colorSpace: metadata.space,
    exif: metadata.exif ? await readExif(metadata.exif) : null,
  };
  ctx.progress(100, `${image.format}, ${image.width} × ${image.height}`);
  return { operation: 'metadata', bytes: content.length, image };
}

async function readExif(data: Buffer): Promise<ImageFacts['exif']> {
  const { default: parse } = await import('exif-reader');
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = callWithin(EXIF_TIMEOUT_MS, 'reading EXIF', () => parse(data));
  } catch {
    return null; // the image is whole without it
  }
  const { Image, Photo, GPSInfo } = parsed;
  return {
    make: toText(Image?.Make),
    model: toText(Image?.Model),
    takenAt: toTime(Photo?.DateTimeOriginal),
    exposureSeconds: toNumber(Photo?.ExposureTime),
    fNumber: toNumber(Photo?.FNumber),
    iso: toNumber(Photo?.ISOSpeedRatings),
    focalLengthMm: toNumber(Photo?.FocalLength),
    hasLocation: GPSInfo?.GPSLatitude !== undefined,
  };
}

// A file may hold anything under any tag.
function toText(value: unknown): string | null {
  return typeof value === 'string'
    ? value
        .replaceAll(/\p{Cc}/gu, '')
        .trim()
        .slice(0, 200)
    : null;
}

function toNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function toTime(value: unknown): string | null {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString().slice(0, 19) : null;
}
