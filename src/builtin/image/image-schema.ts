import { z } from 'zod';
import { SOURCE_DESCRIPTION, sourceSchema } from '../file-schema.ts';

const MIB = 1024 ** 2;
const MAX_SIDE = 16_384;

export const formats = ['jpeg', 'png', 'webp', 'avif'] as const;
export type Format = (typeof formats)[number];

const positions = [
  ...['center', 'top', 'right top', 'right', 'right bottom', 'bottom', 'left bottom', 'left', 'left top'],
  ...['entropy', 'attention'],
] as const;

const sideSchema = z.int().min(1).max(MAX_SIDE);

const resizeSchema = z
  .strictObject({
    width: sideSchema.optional().meta({ description: 'In pixels; without it, it follows from the height.' }),
    height: sideSchema.optional(),
    fit: z.enum(['cover', 'contain', 'inside', 'outside', 'fill']).default('inside').meta({
      description:
        'inside keeps all of it within the size, outside covers the size, cover cuts, contain adds borders, fill distorts.',
    }),
    position: z.enum(positions).default('center').meta({ description: 'Which part cover keeps.' }),
    withoutEnlargement: z.boolean().default(true).meta({ description: 'Leaves what is smaller as it is.' }),
  })
  .refine(({ width, height }) => width !== undefined || height !== undefined, {
    path: ['width'],
    message: 'or height is required',
  });
export type Resize = z.output<typeof resizeSchema>;

const formatSchema = z.enum(formats);
const qualitySchema = z.int().min(1).max(100);

export const variantSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,29}$/, 'must be letters, digits, "_" or "-", at most 30')
    .meta({ description: 'Part of the name of its file.' }),
  resize: resizeSchema.optional(),
  format: formatSchema.optional().meta({ description: 'Default: that of the job.' }),
  quality: qualitySchema.optional(),
});
export type Variant = z.output<typeof variantSchema>;

export const imageInputSchema = z
  .strictObject({
    source: sourceSchema.meta({
      description: `${SOURCE_DESCRIPTION} JPEG, PNG, WebP, AVIF, GIF or TIFF; SVG is refused.`,
    }),
    name: z.string().min(1).max(200).optional().meta({ description: 'What files are called; default: as the source.' }),
    autoOrient: z.boolean().default(true).meta({ description: 'Turns it as EXIF says, before all else.' }),
    rotate: z
      .union([z.literal(90), z.literal(180), z.literal(270)])
      .optional()
      .meta({ description: 'Clockwise.' }),
    crop: z
      .strictObject({ left: z.int().min(0), top: z.int().min(0), width: sideSchema, height: sideSchema })
      .optional()
      .meta({ description: 'In pixels of the turned image.' }),
    resize: resizeSchema.optional().meta({
      description: 'A result has at most 120 million pixels, as WebP or AVIF 50 million, all frames together.',
    }),
    format: formatSchema.optional().meta({ description: 'Default: that of the source; PNG for GIF and TIFF.' }),
    quality: qualitySchema.optional().meta({ description: 'Default: 80; 50 for AVIF. PNG has none.' }),
    background: z
      .string()
      .regex(/^#[0-9a-f]{6}$/i, 'must be a colour such as #ffffff')
      .default('#ffffff')
      .meta({ description: 'What shows through in formats without transparency, and the borders of contain.' }),
    variants: z
      .array(variantSchema)
      .min(1)
      .max(20)
      .optional()
      .meta({ description: 'Several results of one source, each with its own file; in place of resize.' }),
    keepMetadata: z.boolean().default(false).meta({ description: 'Keeps EXIF, with places, and the colour profile.' }),
    animated: z.boolean().default(false).meta({
      description: 'Keeps all frames of a GIF or WebP, as WebP. Without it the first frame is taken.',
    }),
    maxPixels: z.int().min(1).max(268_402_689).default(50_000_000).meta({
      description: 'The largest source, in pixels; of an animation that is kept, all frames together.',
    }),
    maxBytes: z
      .int()
      .min(1)
      .max(256 * MIB)
      .default(64 * MIB),
    expiresInMs: z.int().min(1000).max(31_622_400_000).optional().meta({
      description: 'Removes the files so long afterwards; default: they are kept as long as the job.',
    }),
  })
  .superRefine((input, ctx) => {
    const refuse = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message });
    const { variants = [], format } = input;
    const names = variants.map(({ name }) => name.toLowerCase());
    if (new Set(names).size < names.length) refuse('variants', 'must have different names');
    if (input.variants && input.resize) refuse('resize', 'must not be given together with variants');
    if (!input.animated) return;
    const wanted = [format ?? 'webp', ...variants.map((variant) => variant.format ?? format ?? 'webp')];
    if (wanted.some((each) => each !== 'webp')) refuse('format', 'must be webp for an animation');
    if (input.rotate || input.crop) refuse('animated', 'must not be given together with rotate or crop');
  });
export type ImageInput = z.output<typeof imageInputSchema>;

export const imageOutputSchema = z.object({
  source: z.object({
    format: z.string(),
    width: z.int().meta({ description: 'As shown: after turning as EXIF says.' }),
    height: z.int(),
    bytes: z.int(),
  }),
  images: z.array(
    z.object({
      variant: z.string().nullable(),
      key: z.string().meta({ description: 'Names the file, for GET /v1/files/{key} and inputs of other jobs.' }),
      url: z.string(),
      format: formatSchema,
      width: z.int(),
      height: z.int().meta({ description: 'Of one frame.' }),
      bytes: z.int(),
    }),
  ),
});
export type ImageOutput = z.input<typeof imageOutputSchema>;
