import { z } from 'zod';
import { deadLetterFilterSchema, filterShape, fingerprintSchema, withInputPaths } from './filter.ts';
import { pageQuerySchema } from './list.ts';

const time = z.iso.datetime();

/** `groupBy=error` gives groups in place of jobs. */
export const deadLetterQuerySchema = withInputPaths({
  ...pageQuerySchema.shape,
  ...filterShape,
  fingerprint: fingerprintSchema.optional(),
  groupBy: z.enum(['error'], 'must be error').optional(),
});

/** Failed jobs of one kind; `name` and `message` are those of the newest one's error. */
export const deadLetterGroupSchema = z
  .object({
    fingerprint: z.string(),
    type: z.string(),
    name: z.string(),
    message: z.string(),
    count: z.int(),
    firstSeen: time,
    lastSeen: time,
    newestJobId: z.uuid(),
  })
  .meta({ id: 'DeadLetterGroup' });
export type DeadLetterGroup = z.infer<typeof deadLetterGroupSchema>;

export const deadLetterActionSchema = z
  .strictObject({ filter: deadLetterFilterSchema, dryRun: z.boolean().default(false) })
  .meta({ id: 'DeadLetterAction', examples: [{ filter: { type: 'http:request' }, dryRun: true }] });
