import { z } from 'zod';
import { batchSchema } from './batches.ts';
import { terminalStatuses } from './job.ts';

const time = z.iso.datetime();

const jobEndSchema = z.object({
  id: z.uuid(),
  type: z.string(),
  queue: z.string(),
  tenant: z.string(),
  status: z.enum(terminalStatuses),
  reason: z.string().nullable(),
  attempt: z.int(),
  maxAttempts: z.int(),
  tags: z.array(z.string()),
  createdAt: time,
  startedAt: time.nullable(),
  finishedAt: time,
  links: z.object({ self: z.string() }),
  metadata: z.record(z.string(), z.unknown()).optional(),
  metadataOmitted: z.literal(true).optional().meta({ description: 'The body would have become too large with it.' }),
  error: z
    .object({ name: z.string(), message: z.string(), code: z.string().optional(), attempt: z.int() })
    .optional()
    .meta({ description: 'The last failure, without its stack.' }),
  output: z.unknown().optional(),
  outputOmitted: z
    .literal(true)
    .optional()
    .meta({ description: 'The body would have become too large with it: read it by `links.self`.' }),
});

const { id, name, tenant, counts, createdAt, onCompleteJobId } = batchSchema.shape;
const batchEndSchema = z.object({
  ...{ id, name, tenant, counts, createdAt, onCompleteJobId },
  finishedAt: time,
  links: z.object({ self: z.string(), jobs: z.string() }),
  metadata: z.record(z.string(), z.unknown()),
  metadataOmitted: z
    .literal(true)
    .optional()
    .meta({ description: 'The body would have become too large with the metadata: `metadata` is empty then.' }),
});

const jobPayload = (event: string) =>
  z
    .object({ type: z.literal(event), timestamp: time, data: jobEndSchema })
    .meta({ description: 'At most 20,000 bytes.' });

/** The bodies of webhooks (Standard Webhooks), by their event. */
export const webhookPayloads = {
  'job.completed': { summary: 'A job has completed', schema: jobPayload('job.completed') },
  'job.failed': { summary: 'A job has failed for good', schema: jobPayload('job.failed') },
  'job.cancelled': { summary: 'A job was cancelled', schema: jobPayload('job.cancelled') },
  'job.expired': { summary: 'A job was not started in time', schema: jobPayload('job.expired') },
  'batch.completed': {
    summary: 'All jobs of a batch have ended',
    schema: z.object({
      type: z.literal('batch.completed'),
      timestamp: time,
      data: batchEndSchema,
    }),
  },
};
