import { z } from 'zod';
import { compressions } from './file-codecs.ts';
import { isUrl } from './file-source.ts';
import { webUrlSchema } from './web-url.ts';

const GIB = 1024 ** 3;

export const operations = ['store', 'zip', 'unzip', 'metadata'] as const;

/** Said wherever a source is given. */
export const SOURCE_DESCRIPTION =
  'The key or URL of a stored file, an http or https URL, or the path of a file below FILE_ROOTS or STORAGE_DIR: absolute, or relative to one of these.';

/** A place that a job may read a file from. */
export const sourceSchema = z.string().min(1).max(8000).superRefine(checkSource).meta({
  description: SOURCE_DESCRIPTION,
});

export const fileInputSchema = z
  .strictObject({
    operation: z.enum(operations).default('store').meta({
      description:
        'store keeps the source; zip packs the sources into one archive; unzip keeps each file of an archive; metadata tells what an image is.',
    }),
    source: sourceSchema
      .optional()
      .meta({ description: `${SOURCE_DESCRIPTION} For zip, sources may be given in its place.` }),
    sources: z.array(sourceSchema).min(1).max(1000).optional().meta({ description: 'For zip: the files.' }),
    name: z.string().min(1).max(200).optional().meta({
      description: 'For store and zip: what the result is called. Default: the name of the source; archive.zip.',
    }),
    compress: z.enum(compressions).optional().meta({ description: 'For store.' }),
    checksum: z.enum(['sha256', 'sha512', 'md5']).default('sha256'),
    maxBytes: z
      .int()
      .min(0)
      .default(10 * GIB)
      .meta({ description: 'The largest source; for zip all together, for unzip all files of the archive together.' }),
    maxEntries: z
      .int()
      .min(1)
      .max(2500)
      .default(1000)
      .meta({ description: 'For unzip: the most files of an archive.' }),
    maxRatio: z.int().min(1).max(2000).default(200).meta({
      description: 'For unzip: how many times its own size an archive may become, beyond 10 MiB.',
    }),
    expiresInMs: z.int().min(1000).max(31_622_400_000).optional().meta({
      description: 'Removes what the job makes so long afterwards; default: it is kept as long as the job.',
    }),
  })
  .superRefine(checkTogether);
export type FileInput = z.output<typeof fileInputSchema>;

const keptSchema = z.object({
  name: z.string(),
  key: z.string().meta({ description: 'Names the file, for GET /v1/files/{key} and inputs of other jobs.' }),
  url: z.string(),
  path: z.string().nullable().meta({ description: 'On the machine of the worker; null where files lie in a bucket.' }),
  bytes: z.int(),
});
export type KeptFile = z.infer<typeof keptSchema>;

export const imageFactsSchema = z.object({
  format: z.string(),
  width: z.int().meta({ description: 'In pixels, as stored.' }),
  height: z.int(),
  orientation: z.int().nullable().meta({ description: 'As EXIF says, 1 to 8; from 5 on it is shown on its side.' }),
  pages: z.int().meta({ description: 'Frames of an animation, or pages.' }),
  hasAlpha: z.boolean(),
  colorSpace: z.string(),
  exif: z
    .object({
      make: z.string().nullable(),
      model: z.string().nullable(),
      takenAt: z.string().nullable().meta({ description: 'As the camera says; it knows no time zone.' }),
      exposureSeconds: z.number().nullable(),
      fNumber: z.number().nullable(),
      iso: z.number().nullable(),
      focalLengthMm: z.number().nullable(),
      hasLocation: z.boolean(),
    })
    .nullable(),
});
export type ImageFacts = z.infer<typeof imageFactsSchema>;

export const fileOutputSchema = z.object({
  operation: z.enum(operations),
  bytes: z.int().meta({ description: 'The size of the source; of zip and unzip, of all files.' }),
  ...keptSchema.pick({ key: true, url: true, path: true }).partial().shape,
  storedBytes: z.int().optional().meta({ description: 'store, zip: the size as kept.' }),
  checksum: z.string().optional().meta({ description: 'In hexadecimal. store: of the source; zip: of the archive.' }),
  checksumAlgorithm: fileInputSchema.shape.checksum.unwrap().optional(),
  mimeType: z.string().optional().meta({ description: 'store: by content; the name is not looked at.' }),
  compression: z.enum(compressions).nullable().optional(),
  entries: z
    .array(z.object({ entry: z.string(), bytes: z.int() }))
    .optional()
    .meta({ description: 'zip: what the archive holds.' }),
  files: z
    .array(keptSchema.extend({ entry: z.string().meta({ description: 'What it is called in the archive.' }) }))
    .optional()
    .meta({ description: 'unzip: what was kept.' }),
  image: imageFactsSchema.optional().meta({ description: 'metadata.' }),
});
export type FileOutput = z.input<typeof fileOutputSchema>;

function checkSource(source: string, ctx: z.RefinementCtx): void {
  if (!isUrl(source)) return;
  const faults = webUrlSchema.safeParse(source).error?.issues ?? [];
  for (const { message } of faults) ctx.addIssue(message);
}

function checkTogether(
  input: { operation: string; source?: string | undefined; sources?: unknown; compress?: unknown; name?: unknown },
  ctx: z.RefinementCtx,
): void {
  const refuse = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message });
  const { operation, source, sources } = input;
  if (operation !== 'zip' && sources !== undefined) refuse('sources', 'is for operation zip');
  if (operation !== 'store' && input.compress !== undefined) refuse('compress', 'is for operation store');
  if (operation !== 'store' && operation !== 'zip' && input.name !== undefined) refuse('name', 'is for store and zip');
  if (operation !== 'zip' && source === undefined) refuse('source', 'is required');
  if (operation === 'zip' && (source === undefined) === (sources === undefined)) {
    refuse('sources', 'is required, or source in its place');
  }
}
