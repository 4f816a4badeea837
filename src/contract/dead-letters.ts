import { z } from 'zod';
import { deadLetterFilterSchema, filterShape, withValuePaths } from './filter.ts';
import { pageQuerySchema } from './list.ts';

const time = z.iso.datetime();

/** `groupBy=error` gives groups in place of jobs. */
export const deadLetterQuerySchema = withValuePaths({
  ...pageQuerySchema.shape,
  ...filterShape,
  groupBy: z.enum(['error'], 'must be error').optional(),
});

/** How many jobs of a group are looked at; there may be more. */
export const GROUP_COUNT_MAX = 1000;

/** Failed jobs of one kind; `name` and `message` are those of the newest one's error. */
export const deadLetterGroupSchema = z
  .object({
    fingerprint: z.string(),
    type: z.string(),
    name: z.string(),
    message: z.string(),
    count: z.int().meta({ description: `at most ${GROUP_COUNT_MAX}` }),
    countIsCapped: z.boolean().meta({ description: 'whether there may be more than `count`' }),
    firstSeen: time,
    lastSeen: time,
    newestJobId: z.uuid(),
  })
  .meta({ id: 'DeadLetterGroup' });
export type DeadLetterGroup = z.infer<typeof deadLetterGroupSchema>;

export const deadLetterActionSchema = z
  .strictObject({ filter: deadLetterFilterSchema, dryRun: z.boolean().default(false) })
  .meta({ id: 'DeadLetterAction', examples: [{ filter: { type: 'http:request' }, dryRun: true }] });
