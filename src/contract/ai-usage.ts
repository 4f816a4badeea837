import { z } from 'zod';
import { pageQuerySchema } from './list.ts';

const day = z.iso.date('must be a day, e.g. 2030-01-31');
const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\u0000'), 'must not contain NUL (U+0000)');

export const aiUsageQuerySchema = z.strictObject({
  ...pageQuerySchema.shape,
  tenant: text(100).optional(),
  from: day.optional(),
  to: day.optional(),
});

/** Calls that are under way, and those whose process died, are counted with their estimate. */
export const aiUsageSchema = z
  .object({
    tenant: z.string(),
    day: z.iso.date().meta({ description: 'in UTC' }),
    model: z.string(),
    calls: z.int(),
    inputTokens: z.int(),
    outputTokens: z.int(),
    costMicros: z.int().meta({ description: 'millionths of the currency of AI_PRICES' }),
  })
  .meta({ id: 'AiUsage' });
export type AiUsageResource = z.infer<typeof aiUsageSchema>;
