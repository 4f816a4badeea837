import { z } from 'zod';

export const formats = ['csv', 'jsonl', 'parquet'] as const;
export type Format = (typeof formats)[number];

const DAY_MS = 86_400_000;
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

const csvSchema = z
  .strictObject({
    delimiter: z.enum([',', ';', '\t', '|']).default(','),
    header: z.boolean().default(true).meta({ description: 'Whether the first line names the columns.' }),
    bom: z
      .boolean()
      .default(false)
      .meta({ description: 'Begins with a byte order mark, by which Excel knows that the text is UTF-8.' }),
    nulls: z
      .string()
      .max(20)
      .regex(/^[^"\p{Cc}]*$/u, 'must not contain quotation marks or control characters')
      .default('')
      .meta({ description: 'Stands for NULL. A text that is the same, also an empty one, is quoted.' }),
    guardFormulas: z.boolean().default(true).meta({
      description:
        'Puts an apostrophe before text that a spreadsheet would run as a formula: that begins with =, +, -, @, a tab or a line break. Numbers stay as they are.',
    }),
  })
  .prefault({});
export type CsvOptions = z.output<typeof csvSchema>;

export const exportInputSchema = z
  .strictObject({
    query: z
      .string()
      .min(1)
      .max(100)
      .meta({ description: 'The name of a query of JOBS_DIR (defineQuery), or `jobs` or `records`.' }),
    parameters: z.record(z.string(), z.unknown()).default({}).meta({
      description: 'What the query takes; its schema checks them when the job is enqueued, and again when it runs.',
    }),
    format: z.enum(formats).default('csv'),
    gzip: z.boolean().default(false).meta({ description: 'For csv and jsonl; Parquet is compressed already.' }),
    csv: csvSchema,
    fileName: z
      .string()
      .max(100)
      .regex(FILE_NAME, 'must be letters, digits, ".", "_" or "-", the first a letter or digit')
      .optional()
      .meta({ description: 'Default: the name of the query and the ending of the format.' }),
    expiresInMs: z
      .int()
      .min(60_000)
      .max(366 * DAY_MS)
      .default(7 * DAY_MS)
      .meta({ description: 'When the file is removed, in milliseconds after it was made.' }),
  })
  .refine((input) => !(input.gzip && input.format === 'parquet'), {
    path: ['gzip'],
    message: 'must not be true for parquet, which is compressed already',
  });
export type ExportInput = z.output<typeof exportInputSchema>;

export const exportOutputSchema = z.object({
  file: z.object({ key: z.string(), url: z.string(), bytes: z.int() }),
  format: z.enum(formats),
  rows: z.int(),
  columns: z.array(
    z.object({ name: z.string(), type: z.string().meta({ description: 'The type in SQL, e.g. `numeric(10,2)`.' }) }),
  ),
  durationMs: z.int(),
  expiresAt: z.iso.datetime().meta({ description: 'When the file goes; with its job at the latest.' }),
});
export type ExportOutput = z.output<typeof exportOutputSchema>;
