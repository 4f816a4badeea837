import type { Sharp, SharpOptions } from 'sharp';
import { NonRetryableError } from '../../define/errors.ts';
import type { Format, ImageInput, Resize, Variant } from './image-schema.ts';
import { explained, loadSharp, type OpenedImage } from './open-image.ts';
import { planResultSize, planSharedSize, type Size } from './plan-decode.ts';

export interface Rendered extends Size {
  variant: string | null;
  format: Format;
  content: Buffer;
}

/** What is held in memory while a result is encoded: 6 to 30 bytes for a pixel, so that a small file could fill it. */
const MAX_RESULT_PIXELS: Readonly<Record<Format, number>> = {
  jpeg: 120_000_000,
  png: 120_000_000,
  webp: 50_000_000,
  avif: 50_000_000,
};

type Wanted = Pick<Variant, 'resize' | 'format' | 'quality'> & { variant: string | null };

/** Makes the results of an image, one after the other: what is in memory at once is one of them and the decoded image. */
export async function* renderVariants(
  image: OpenedImage,
  input: ImageInput,
  signal: AbortSignal,
): AsyncGenerator<Rendered> {
  const { resize, variants } = input;
  const wanted: Wanted[] = variants?.map(({ name, ...rest }) => ({ variant: name, ...rest })) ?? [
    { variant: null, resize },
  ];
  for (const each of wanted) checkResult(each, image, input);
  const begin = await prepare(image, input, wanted);
  for (const each of wanted) {
    signal.throwIfAborted();
    yield render(begin(), each, image, input);
  }
}

/** @returns what begins the pipeline of each result */
async function prepare(image: OpenedImage, input: ImageInput, wanted: readonly Wanted[]): Promise<() => Sharp> {
  const options: SharpOptions = input.animated ? { animated: true } : {};
  const begin = () => shape(image.decode(options), input);
  const isAlone = input.animated || input.keepMetadata; // decoded pixels have neither frames nor metadata
  const size = sizeOf(image, input);
  const shared = isAlone
    ? undefined
    : planSharedSize(
        size,
        wanted.map(({ resize }) => resize),
      );
  if (!shared) return begin;
  const sharp = await loadSharp();
  const { data, info } = await explained(
    begin()
      .resize({ ...shared, fit: 'fill' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true }),
  );
  const { width, height, channels } = info;
  return () => sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
}

/** Turns and crops. */
function shape(pipeline: Sharp, { autoOrient, rotate, crop, animated }: ImageInput): Sharp {
  let shaped = autoOrient && !animated ? pipeline.autoOrient() : pipeline;
  if (rotate) shaped = shaped.rotate(rotate);
  return crop ? shaped.extract(crop) : shaped;
}

/** The size of an image, turned and cropped. @throws NonRetryableError where it does not hold the part that is wanted */
function sizeOf({ metadata }: OpenedImage, { autoOrient, rotate, crop }: ImageInput): Size {
  const oriented = autoOrient ? metadata.autoOrient : metadata;
  const isTurned = rotate === 90 || rotate === 270;
  const [width, height] = isTurned ? [oriented.height, oriented.width] : [oriented.width, oriented.height];
  if (!crop) return { width, height };
  if (crop.left + crop.width <= width && crop.top + crop.height <= height) return crop;
  throw new NonRetryableError(`crop is not within the image, which has ${width} × ${height} pixels`);
}

/** @throws NonRetryableError for a result that is too large */
function checkResult(wanted: Wanted, image: OpenedImage, input: ImageInput): void {
  const { width, height } = planResultSize(sizeOf(image, input), wanted.resize);
  const frames = input.animated ? (image.metadata.pages ?? 1) : 1;
  const format = formatOf(wanted, image, input);
  const maxPixels = MAX_RESULT_PIXELS[format];
  if (width * height * frames <= maxPixels) return;
  const size = `${width} × ${height} pixels${frames > 1 ? ` in ${frames} frames` : ''}`;
  throw new NonRetryableError(`a result of ${size} is too large: ${format} may have ${maxPixels} pixels here`);
}

function formatOf(wanted: Wanted, image: OpenedImage, { format, animated }: ImageInput): Format {
  return wanted.format ?? format ?? (animated ? 'webp' : keepFormat(image.format));
}

async function render(pipeline: Sharp, wanted: Wanted, image: OpenedImage, input: ImageInput): Promise<Rendered> {
  const format = formatOf(wanted, image, input);
  const resized = wanted.resize ? resizeTo(pipeline, wanted.resize, input) : pipeline;
  const flat = format === 'jpeg' ? resized.flatten({ background: input.background }) : resized;
  const kept = input.keepMetadata ? flat.keepMetadata() : flat;
  const encoded = encode(kept, format, wanted.quality ?? input.quality);
  const { data, info } = await explained(encoded.toBuffer({ resolveWithObject: true }));
  return {
    variant: wanted.variant,
    format,
    content: data,
    width: info.width,
    height: info.pageHeight ?? info.height,
  };
}

function resizeTo(
  pipeline: Sharp,
  { width, height, fit, position, withoutEnlargement }: Resize,
  { background }: ImageInput,
) {
  return pipeline.resize({
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    fit,
    position,
    withoutEnlargement,
    background,
  });
}

function encode(pipeline: Sharp, format: Format, quality: number | undefined): Sharp {
  const options = quality === undefined ? {} : { quality };
  switch (format) {
    case 'jpeg':
      return pipeline.jpeg({ ...options, mozjpeg: false });
    case 'png':
      return pipeline.png();
    case 'webp':
      return pipeline.webp(options);
    case 'avif':
      return pipeline.avif({ ...options, effort: 3 }); // the default takes minutes for what a camera makes
  }
}

function keepFormat(format: string): Format {
  return format === 'jpeg' || format === 'webp' || format === 'avif' ? format : 'png';
}
