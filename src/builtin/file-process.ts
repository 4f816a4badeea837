import { join } from 'node:path';
import { z } from 'zod';
import type { JobContext } from '../define/context.ts';
import { defineJob } from '../define/job.ts';
import { createMeter } from './file-meter.ts';
import { type FileSource, isUrl, openSource, toSafeName } from './file-source.ts';
import { compressions, storeFile, suffixOf } from './file-store.ts';
import { webUrlSchema } from './web-url.ts';

const GIB = 1024 ** 3;
const REPORT_EVERY_BYTES = 8 * 1024 ** 2;

const inputSchema = z.strictObject({
  source: z
    .string()
    .min(1)
    .max(8000)
    .superRefine(checkSource)
    .meta({ description: 'A path (absolute, or relative to STORAGE_DIR) or an http or https URL.' }),
  compress: z.enum(compressions).optional(),
  checksum: z.enum(['sha256', 'sha512', 'md5']).default('sha256'),
  maxBytes: z
    .int()
    .min(0)
    .default(10 * GIB),
});

const outputSchema = z.object({
  key: z.string().meta({ description: 'The path below STORAGE_DIR, with "/".' }),
  path: z.string().meta({ description: 'The absolute path on the machine of the worker.' }),
  bytes: z.int().meta({ description: 'The size of the source.' }),
  storedBytes: z.int().meta({ description: 'The size on disk, after compression.' }),
  checksum: z.string().meta({ description: 'Of the source, in hexadecimal.' }),
  checksumAlgorithm: inputSchema.shape.checksum.unwrap(),
  mimeType: z.string().meta({ description: 'By content; the name is not looked at.' }),
  compression: z.enum(compressions).nullable(),
});

export const fileProcess = defineJob({
  type: 'file:process',
  description: 'Checks, measures and optionally compresses a file or download, and stores it.',
  input: inputSchema,
  output: outputSchema,
  timeoutMs: 3_600_000,
  run: processFile,
});

async function processFile(
  input: z.output<typeof inputSchema>,
  ctx: JobContext,
): Promise<z.input<typeof outputSchema>> {
  ctx.signal.throwIfAborted();
  const source = await openSource(input.source, ctx);
  try {
    return await store(source, input, ctx);
  } finally {
    await source.close();
  }
}

async function store(
  source: FileSource,
  input: z.output<typeof inputSchema>,
  ctx: JobContext,
): Promise<z.input<typeof outputSchema>> {
  // The key depends on the job and its input alone: another attempt replaces the file instead of adding one.
  const key = `${toSafeName(ctx.job.id)}/${source.name}${suffixOf(input.compress)}`;
  const path = join(ctx.services.storageDir, key);
  const meter = createMeter({
    algorithm: input.checksum,
    maxBytes: input.maxBytes,
    onBytes: createReporter(ctx, source.totalBytes),
  });
  const storedBytes = await storeFile(meter.pass(source.content), path, {
    compression: input.compress,
    signal: ctx.signal,
  });
  const measured = await meter.finish();
  ctx.progress(100, `${formatBytes(measured.bytes)} stored as ${key}`);
  ctx.log.info(`stored ${key}: ${formatBytes(measured.bytes)} of ${measured.mimeType}`, { ...measured, storedBytes });
  return {
    key,
    path,
    storedBytes,
    ...measured,
    checksumAlgorithm: input.checksum,
    compression: input.compress ?? null,
  };
}

/** Reports every whole percent, or every 8 MiB where the size is not known. */
function createReporter(ctx: JobContext, totalBytes: number | undefined): (bytes: number) => void {
  let reported = -1;
  return (bytes) => {
    const percent = totalBytes ? Math.min(99, Math.floor((bytes / totalBytes) * 100)) : 0;
    const step = totalBytes ? percent : Math.floor(bytes / REPORT_EVERY_BYTES);
    if (step === reported) return;
    reported = step;
    ctx.progress(percent, totalBytes ? `${formatBytes(bytes)} of ${formatBytes(totalBytes)}` : formatBytes(bytes));
  };
}

function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

function checkSource(source: string, ctx: z.RefinementCtx): void {
  if (!isUrl(source)) return;
  const faults = webUrlSchema.safeParse(source).error?.issues ?? [];
  for (const { message } of faults) ctx.addIssue(message);
}
