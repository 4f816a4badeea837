import { z } from 'zod';
import { jobStatusSchema } from './job.ts';

export const LIST_LIMIT_MAX = 200;
export const LIST_LIMIT_DEFAULT = 50;

export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIST_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
  cursor: z.string().max(200).optional(),
});

/** `status` takes one or several, separated by commas. */
export const jobListQuerySchema = pageQuerySchema.extend({
  status: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(jobStatusSchema))
    .optional(),
  type: z.string().max(200).optional(),
  queue: z.string().max(100).optional(),
  tenant: z.string().max(100).optional(),
});

/** The longest that a request may be held, in seconds. */
export const WAIT_MAX_SECONDS = 60;
export const waitQuerySchema = z.strictObject({
  wait: z.coerce.number().int().min(0).max(WAIT_MAX_SECONDS).optional(),
});

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

export function pageSchema<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}
