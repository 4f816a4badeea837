import type { JobContext } from '../../define/context.ts';
import { defineJob } from '../../define/job.ts';
import { type ImageInput, type ImageOutput, imageInputSchema, imageOutputSchema } from './image-schema.ts';

const FILE_ENDINGS = { jpeg: 'jpg', png: 'png', webp: 'webp', avif: 'avif' } as const;

export const imageProcess = defineJob({
  type: 'image:process',
  description: 'Turns, crops, resizes and converts an image, also into several sizes at once, and strips its metadata.',
  input: imageInputSchema,
  output: imageOutputSchema,
  timeoutMs: 600_000,
  concurrency: 2, // each uses several threads of its own
  examples: [
    {
      title: 'A smaller WebP',
      input: { source: 'photos/cat.jpg', resize: { width: 800 }, format: 'webp', quality: 75 },
    },
    {
      title: 'Thumbnails in several sizes',
      input: {
        source: 'https://files.example.com/cat.jpg',
        format: 'webp',
        variants: [
          { name: 'small', resize: { width: 160, height: 160, fit: 'cover', position: 'attention' } },
          { name: 'large', resize: { width: 1200 }, format: 'jpeg', quality: 85 },
        ],
      },
    },
    {
      title: 'A part of it, turned',
      input: {
        source: 'photos/cat.jpg',
        rotate: 90,
        crop: { left: 10, top: 10, width: 100, height: 80 },
        format: 'png',
      },
    },
  ],
  failures: [
    { when: 'the source does not exist, may not be read, or is larger than maxBytes or maxPixels', effect: 'fail' },
    { when: 'it is no image, damaged, SVG, or of a format that is not read', effect: 'fail' },
    { when: 'the crop is not within the image', effect: 'fail' },
    { when: 'a server answers 4xx (but 408, 425 and 429), or its address is refused', effect: 'fail' },
    { when: 'a server answers otherwise, cannot be reached, or breaks off', effect: 'retry' },
    { when: 'the file storage cannot be used, or the disk is full', effect: 'retry' },
  ],
  repeats: 'Files have the same keys and replace those of the run before. A source is downloaded again.',
  run: processImage,
});

async function processImage(input: ImageInput, ctx: JobContext): Promise<ImageOutput> {
  ctx.signal.throwIfAborted();
  // Loaded with the first image: most programs process none.
  const [{ openImage }, { renderVariants }, { readWhole }, { nameOf, toSafeName }] = await Promise.all([
    import('./open-image.ts'),
    import('./render-variants.ts'),
    import('../local-copy.ts'),
    import('../file-source.ts'),
  ]);
  const content = await readWhole(input.source, input.maxBytes, ctx);
  ctx.progress(10, `${content.length} bytes read`);
  const image = await openImage(content, input.maxPixels);
  const stem = toSafeName(input.name ?? nameOf(input.source)).replace(/\.[A-Za-z0-9]{1,5}$/, '');
  const count = input.variants?.length ?? 1;
  const images: ImageOutput['images'] = [];
  for await (const { content: made, variant, format, width, height } of renderVariants(image, input, ctx.signal)) {
    const name = `${stem}${variant === null ? '' : `-${variant}`}.${FILE_ENDINGS[format]}`;
    const { key, url, bytes } = await ctx.files.create(name, made, { expiresInMs: input.expiresInMs });
    images.push({ variant, key, url, format, width, height, bytes });
    ctx.progress(10 + Math.round((90 * images.length) / count), `${name}: ${width} × ${height}`);
  }
  const { width, height } = image.metadata.autoOrient;
  return { source: { format: image.format, width, height, bytes: content.length }, images };
}
