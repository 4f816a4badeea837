import { z } from 'zod';
import { tenantSchema } from './enqueue.ts';

const COUNT_MAX = 2_147_483_647;
const limit = (min: number) => z.int().min(min).max(COUNT_MAX).nullable();

/** What is left out stays as it is; null takes a limit away. */
export const changeTenantSchema = z
  .strictObject({
    weight: z.int().min(1).max(1000).optional(),
    requestsPerSecond: limit(1).optional(),
    maxRunning: limit(0).optional(),
    maxQueued: limit(0).optional(),
    maxPerDay: limit(0).optional(),
  })
  .meta({ id: 'ChangeTenant' });
export type TenantChange = z.infer<typeof changeTenantSchema>;

export const tenantResourceSchema = z
  .object({
    name: z.string(),
    weight: z.int(),
    requestsPerSecond: z.int().nullable(),
    maxRunning: z.int().nullable(),
    maxQueued: z.int().nullable(),
    maxPerDay: z.int().nullable(),
    usage: z.object({
      running: z.int(),
      queued: z.int().meta({ description: 'jobs that wait to run, also those for later; steps of pipelines included' }),
      today: z
        .int()
        .nullable()
        .meta({ description: 'what counts against maxPerDay since midnight UTC; null without it' }),
    }),
    createdAt: z.iso.datetime().nullable().meta({ description: 'null: nothing was ever set for it' }),
    updatedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Tenant' });
export type TenantResource = z.infer<typeof tenantResourceSchema>;
export { tenantSchema };
