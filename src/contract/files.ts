import { z } from 'zod';
import { tenantSchema } from './enqueue.ts';
import { wholeNumber } from './list.ts';

/** 10 years. */
const MAX_EXPIRY_MS = 10 * 366 * 86_400_000;

export const uploadQuerySchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .meta({ description: 'What the file is called; default: the filename of Content-Disposition, else `upload`' }),
  expiresInMs: wholeNumber(1000, MAX_EXPIRY_MS)
    .optional()
    .meta({ description: 'When it is removed; default: after RETENTION_UPLOAD_DAYS' }),
  tenant: tenantSchema.optional(),
});

export const fileSchema = z
  .object({
    key: z.string().meta({ description: 'Names the file in inputs of jobs' }),
    url: z.string(),
    name: z.string(),
    tenant: z.string(),
    bytes: z.int(),
    contentType: z.string(),
    sha256: z.string().meta({ description: 'in hexadecimal' }),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'File' });
export type FileResource = z.infer<typeof fileSchema>;
