import { z } from 'zod';
import { bulkFilterSchema } from './filter.ts';

const time = z.iso.datetime();

export const bulkActionNames = ['retry', 'cancel', 'delete'] as const;
export type BulkActionName = (typeof bulkActionNames)[number];
export const bulkActionStatuses = ['running', 'completed', 'aborted', 'failed'] as const;
export type BulkActionStatus = (typeof bulkActionStatuses)[number];

/** The filter must be there, so that nobody acts on all jobs by leaving it out: `{}` means all. */
export const bulkActionRequestSchema = z
  .strictObject({
    action: z.enum(bulkActionNames),
    filter: bulkFilterSchema,
    dryRun: z.boolean().default(false),
  })
  .meta({
    id: 'BulkActionRequest',
    examples: [{ action: 'cancel', filter: { type: 'http:request', tag: 'first' }, dryRun: true }],
  });
export type BulkActionRequest = z.infer<typeof bulkActionRequestSchema>;

export const bulkActionSchema = z
  .object({
    id: z.uuid(),
    action: z.enum(bulkActionNames),
    filter: z.record(z.string(), z.unknown()),
    status: z.enum(bulkActionStatuses),
    matched: z
      .int()
      .meta({ description: 'jobs that the action was for when it was created; at least so many if capped' }),
    matchedIsCapped: z.boolean(),
    processed: z.int().meta({ description: 'jobs that it has come to' }),
    changed: z.int().meta({ description: 'those of them that it has changed' }),
    error: z.string().nullable(),
    createdAt: time,
    finishedAt: time.nullable(),
  })
  .meta({ id: 'BulkAction' });
export type BulkActionResource = z.infer<typeof bulkActionSchema>;

/** Counting ends there: `matchedIsCapped` says that there may be more. */
export const MATCHED_MAX = 10_000;

export const dryRunSchema = z
  .object({ matched: z.int().max(MATCHED_MAX), matchedIsCapped: z.boolean() })
  .meta({ id: 'DryRun' });
export type DryRun = z.infer<typeof dryRunSchema>;
