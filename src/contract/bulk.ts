import { z } from 'zod';

export const BULK_LIMIT = 1000;

/** Each job is checked by itself, so the request is good although some of its jobs are not. */
export const bulkSchema = z
  .strictObject({
    jobs: z
      .array(z.unknown().meta({ $ref: '#/$defs/EnqueueRequest' }))
      .min(1)
      .max(BULK_LIMIT),
  })
  .meta({ id: 'BulkRequest' });

export const bulkAnswerSchema = z
  .object({
    accepted: z.int().meta({ description: 'How many of the jobs are committed' }),
    rejected: z.array(
      z.object({
        index: z.int().meta({ description: 'The place of the job in the request, from 0' }),
        errors: z.array(z.object({ path: z.string(), message: z.string() })),
      }),
    ),
    ids: z.array(z.uuid()).meta({ description: 'Of the accepted jobs, in the order of the request' }),
    deduplicated: z.array(z.int()).meta({ description: 'Places of the jobs for which an unfinished one was found' }),
  })
  .meta({ id: 'BulkAnswer' });
export type BulkAnswer = z.infer<typeof bulkAnswerSchema>;
