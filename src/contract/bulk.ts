import { z } from 'zod';
import type { EnqueueInput } from './enqueue.ts';

export const BULK_LIMIT = 1000;

/** Each job is checked by itself, so the request is good although some of its jobs are not. */
export const bulkSchema = z
  .strictObject({
    jobs: z
      .array(z.unknown().meta({ $ref: '#/$defs/EnqueueRequest' }))
      .min(1)
      .max(BULK_LIMIT),
    batchId: z.uuid().optional().meta({ description: 'The batch of all jobs that name no other in their options' }),
  })
  .meta({
    id: 'BulkRequest',
    examples: [{ jobs: [{ type: 'http:request', input: { url: 'https://example.com' } }] }],
  });

export { LINES_MEDIA_TYPE } from './media-types.ts';
/** The rejected jobs that an answer to lines lists; the rest is counted. */
export const REJECTED_MAX = 1000;

export const bulkQuerySchema = z.strictObject({
  batchId: z.uuid().optional().meta({ description: 'The batch of all jobs that name no other in their options' }),
});

/** A job, or the JSON text of one. */
export type BulkLine = EnqueueInput | string;

export const bulkAnswerSchema = z
  .object({
    accepted: z.int().meta({ description: 'How many of the jobs are committed' }),
    rejected: z.array(
      z.object({
        index: z.int().meta({ description: 'The place of the job in the request, from 0; blank lines do not count' }),
        errors: z.array(z.object({ path: z.string(), message: z.string() })),
      }),
    ),
    rejectedTotal: z
      .int()
      .optional()
      .meta({ description: `Of lines: how many were rejected; \`rejected\` lists the first ${REJECTED_MAX}` }),
    ids: z.array(z.uuid()).meta({ description: 'Of the accepted jobs, in the order of the request' }),
    deduplicated: z.array(z.int()).meta({ description: 'Places of the jobs for which an unfinished one was found' }),
  })
  .meta({ id: 'BulkAnswer' });
export type BulkAnswer = z.infer<typeof bulkAnswerSchema>;
