import { z } from 'zod';
import { isUsableTime } from './enqueue.ts';
import { pageQuerySchema } from './list.ts';

const text = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');

export const auditQuerySchema = z.strictObject({
  ...pageQuerySchema.shape,
  actor: text.optional().meta({ description: 'The prefix of a key, ADMIN_KEY or local.' }),
  action: text.optional().meta({ description: 'E.g. job.cancel.' }),
  since: z.iso
    .datetime({ offset: true, abort: true, error: 'must be a time, e.g. 2030-01-31T08:00:00Z' })
    .refine(isUsableTime, 'must be in the years 1970 to 9999')
    .optional()
    .meta({ description: 'Of this time or later.' }),
});

/** What somebody did on purpose; what jobs and schedules do by themselves is not here. */
export const auditEntrySchema = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime(),
    actor: z.string(),
    action: z.string(),
    target: z.string().nullable(),
    tenant: z.string().nullable().meta({ description: 'Whose data; null: those of all tenants, or the program.' }),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntryResource = z.infer<typeof auditEntrySchema>;
