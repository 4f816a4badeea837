import { z } from 'zod';
import { collectionSchema } from '../../define/records.ts';

export const downloadInputSchema = z
  .strictObject({
    collection: collectionSchema.meta({ description: 'Where the records go; each tenant has its own.' }),
    connector: z
      .string()
      .min(1)
      .max(100)
      .meta({ description: '`rest`, `file`, or a connector of JOBS_DIR (defineConnector).' }),
    parameters: z.record(z.string(), z.unknown()).default({}).meta({
      description: 'What the connector takes; its schema checks them when the job is enqueued, and again when it runs.',
    }),
    mode: z.enum(['full', 'incremental']).default('full').meta({
      description:
        'full: records that are not there any more are marked as deleted when the last page is stored. incremental: nothing is.',
    }),
    pageSize: z.int().min(1).max(5000).default(500).meta({ description: 'Records wanted in a page.' }),
    cursor: z.unknown().optional().meta({
      description: 'For incremental: where to begin, e.g. the cursor in the output of an earlier download.',
    }),
    allowEmpty: z.boolean().default(false).meta({
      description: 'Whether a full download without any record may mark a whole collection as deleted; else it fails.',
    }),
  })
  .refine((input) => input.mode === 'incremental' || input.cursor === undefined || input.cursor === null, {
    path: ['cursor'],
    message: 'must not be given for a full download, which begins at the beginning',
  });
export type DownloadInput = z.output<typeof downloadInputSchema>;

export const statsSchema = z.object({
  pages: z.int(),
  seen: z.int().meta({ description: 'Records that the connector gave.' }),
  inserted: z.int(),
  updated: z.int().meta({ description: 'Known ones with other data than before.' }),
  unchanged: z.int(),
  restored: z.int().meta({ description: 'Known ones that had been deleted.' }),
  repeated: z.int().meta({
    description: 'Seen more than once: ids that occur twice, and what was read again after an interruption.',
  }),
  deleted: z.int().meta({ description: 'Known ones that are not there any more, marked as deleted.' }),
});

export const downloadOutputSchema = statsSchema.extend({
  collection: z.string(),
  snapshotId: z.uuid().meta({ description: 'The same for all attempts; `snapshotId` of the records that it saw.' }),
  cursor: z.unknown().meta({ description: 'That of the last page; null where the connector gave none.' }),
  durationMs: z.int().meta({ description: 'Of the last attempt.' }),
});
export type DownloadOutput = z.output<typeof downloadOutputSchema>;
