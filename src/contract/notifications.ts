import { z } from 'zod';
import { tenantSchema } from './enqueue.ts';
import { pageQuerySchema } from './list.ts';

const time = z.iso.datetime();

/** As the application names its users. */
export const userSchema = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');

/** A message to a user inside of an application. */
export const notificationSchema = z
  .object({
    id: z.uuid(),
    tenant: z.string(),
    user: z.string(),
    title: z.string(),
    body: z.string(),
    link: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
    jobId: z.uuid().nullable().meta({ description: 'The job that wrote it; it may be gone by now.' }),
    createdAt: time,
    readAt: time.nullable(),
  })
  .meta({ id: 'Notification' });
export type NotificationResource = z.infer<typeof notificationSchema>;

const ownerShape = {
  user: userSchema,
  tenant: tenantSchema.optional().meta({ description: 'For keys that see all tenants; default `default`.' }),
};

export const notificationListQuerySchema = z.strictObject({
  ...pageQuerySchema.shape,
  ...ownerShape,
  unread: z
    .enum(['true', 'false'], 'must be true or false')
    .transform((text) => text === 'true')
    .default(false)
    .meta({ description: 'With true only those that have not been read.' }),
});

export const markAllReadSchema = z.strictObject(ownerShape).meta({ id: 'MarkAllRead', examples: [{ user: 'u-17' }] });
export const markedReadSchema = z.object({ marked: z.int().meta({ description: 'How many had not been read.' }) });
