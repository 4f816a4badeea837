import { z } from 'zod';
import { filterShape, statusListSchema, withValuePaths } from './filter.ts';

export const LIST_LIMIT_MAX = 200;
export const LIST_LIMIT_DEFAULT = 50;

export const wholeNumber = (min: number, max: number) => {
  const fault = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number(fault).int(fault).min(min, fault).max(max, fault);
};

export const pageQuerySchema = z.strictObject({
  limit: wholeNumber(1, LIST_LIMIT_MAX).default(LIST_LIMIT_DEFAULT),
  cursor: z.string().max(1000).optional(),
});

export const jobListQuerySchema = withValuePaths({
  ...pageQuerySchema.shape,
  ...filterShape,
  status: statusListSchema.optional(),
});

/** The longest that a request may be held, in seconds. */
export const WAIT_MAX_SECONDS = 60;
export const waitQuerySchema = z.strictObject({
  wait: wholeNumber(0, WAIT_MAX_SECONDS).optional(),
});

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** Cuts rows, of which one more than `limit` was read, into a page and the cursor to the next. */
export function toPage<T>(rows: readonly T[], limit: number, cursorOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}

export function pageSchema<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}
