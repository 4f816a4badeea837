import { z } from 'zod';
import { BULK_LIMIT, bulkAnswerSchema } from './bulk.ts';
import { enqueueSchema, tenantSchema, webhookSchema } from './enqueue.ts';

const time = z.iso.datetime();

/** `open`: jobs may join; `running`: none may, and not all have ended; `completed`: all have ended. */
export const batchStatuses = ['open', 'running', 'completed'] as const;
export type BatchStatus = (typeof batchStatuses)[number];

export const batchRequestSchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional(),
    metadata: z.record(z.string(), z.unknown()).default({}),
    tenant: tenantSchema.optional().meta({ description: 'For keys that see all tenants; default `default`.' }),
    webhook: z
      .strictObject({ url: webhookSchema.shape.url })
      .optional()
      .meta({ description: 'Is sent `batch.completed` once all jobs have ended' }),
    onComplete: enqueueSchema.optional().meta({ description: 'The job to be enqueued once all jobs have ended' }),
    jobs: z
      .array(z.unknown().meta({ $ref: '#/$defs/EnqueueRequest' }))
      .min(1)
      .max(BULK_LIMIT)
      .optional(),
    keepOpen: z.boolean().default(false).meta({ description: 'More jobs come; without `jobs` a batch is open anyhow' }),
  })
  .meta({ id: 'BatchRequest' });
export type BatchRequest = z.output<typeof batchRequestSchema>;
/** A batch as a caller writes it. */
export type BatchInput = z.input<typeof batchRequestSchema>;

export const batchCountsSchema = z.object({
  total: z.int().meta({ description: 'Jobs that have joined' }),
  pending: z.int().meta({ description: 'Those of them that have not ended' }),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  expired: z.int(),
});

export const batchSchema = z
  .object({
    id: z.uuid(),
    name: z.string().nullable(),
    tenant: z.string(),
    status: z.enum(batchStatuses),
    metadata: z.record(z.string(), z.unknown()),
    counts: batchCountsSchema,
    progress: z.object({ percent: z.number().min(0).max(100) }),
    createdAt: time,
    closedAt: time.nullable(),
    finishedAt: time.nullable(),
    onCompleteJobId: z.uuid().nullable(),
    links: z.object({ self: z.string(), jobs: z.string(), close: z.string(), cancel: z.string() }),
  })
  .meta({ id: 'Batch' });
export type BatchResource = z.infer<typeof batchSchema>;

export const createdBatchSchema = batchSchema
  .extend({ jobs: bulkAnswerSchema.optional().meta({ description: 'What became of `jobs`' }) })
  .meta({ id: 'CreatedBatch' });
export type CreatedBatch = z.infer<typeof createdBatchSchema>;

export const cancelledBatchSchema = batchSchema
  .extend({ bulkActionId: z.uuid().meta({ description: 'The bulk action that cancels the jobs' }) })
  .meta({ id: 'CancelledBatch' });
export type CancelledBatch = z.infer<typeof cancelledBatchSchema>;
