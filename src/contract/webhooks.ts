import { z } from 'zod';
import { tenantSchema, typeNameSchema, webhookEvents, webhookSchema } from './enqueue.ts';
import { pageQuerySchema } from './list.ts';

const time = z.iso.datetime();
const TYPES_MAX = 100;

/** What a subscription can hear of. */
export const subscriptionEvents = [...webhookEvents, 'batch.completed'] as const;
export type SubscriptionEvent = (typeof subscriptionEvents)[number];

/** The type of a job, or the beginning of types: `video:*`. */
const typePatternSchema = z
  .string()
  .max(202)
  .refine((text) => typeNameSchema.safeParse(text.replace(/:\*$/, '')).success, 'must be a type, or end with ":*"');

const description = z
  .string()
  .max(500)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');

export const subscriptionRequestSchema = z
  .strictObject({
    url: webhookSchema.shape.url,
    events: z
      .array(z.enum(subscriptionEvents))
      .min(1)
      .max(subscriptionEvents.length)
      .default([...subscriptionEvents])
      .meta({ description: 'Default: all of them.' }),
    types: z
      .array(typePatternSchema)
      .min(1)
      .max(TYPES_MAX)
      .nullable()
      .default(null)
      .meta({ description: 'Types of jobs, or beginnings of types such as `video:*`; null: all.' }),
    description: description.default(''),
    tenant: tenantSchema.optional().meta({ description: 'Whose jobs; default: the tenant of the key, or `default`.' }),
  })
  .meta({
    id: 'WebhookRequest',
    examples: [{ url: 'https://example.com/hook', events: ['job.failed'], types: ['video:*'] }],
  });
export type SubscriptionRequest = z.infer<typeof subscriptionRequestSchema>;
/** A subscription as a caller writes it. */
export type SubscriptionInput = z.input<typeof subscriptionRequestSchema>;

export const subscriptionChangeSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .optional()
      .meta({ description: 'false: nothing more is sent, and what is owed is given up; true: from now on again.' }),
    description: description.optional(),
  })
  .meta({ id: 'WebhookChange', examples: [{ enabled: false }] });
export type SubscriptionChangeRequest = z.infer<typeof subscriptionChangeSchema>;

/** Who is told of the ends of jobs and batches of a tenant. */
export const subscriptionSchema = z
  .object({
    id: z.uuid(),
    url: z.string(),
    events: z.array(z.string()),
    types: z.array(z.string()).nullable(),
    description: z.string(),
    tenant: z.string(),
    disabledAt: time.nullable().meta({ description: 'When it was switched off, or its server answered 410.' }),
    createdAt: time,
  })
  .meta({ id: 'Webhook' });
export type SubscriptionResource = z.infer<typeof subscriptionSchema>;

export const deliveryStatuses = ['pending', 'delivered', 'failed', 'disabled'] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

export const deliverySchema = z
  .object({
    id: z.uuid().meta({ description: 'The `webhook-id` of every try.' }),
    jobId: z.uuid().nullable().meta({ description: 'The job that it tells of; null where it tells of a batch.' }),
    batchId: z.uuid().nullable(),
    subscriptionId: z
      .uuid()
      .nullable()
      .meta({ description: 'Who is told; null: the webhook of the job or batch itself.' }),
    event: z.string(),
    url: z.string(),
    status: z.enum(deliveryStatuses),
    tries: z.int().meta({ description: 'Since it was made, or was sent again by hand.' }),
    nextTryAt: time.nullable(),
    lastStatusCode: z.int().nullable(),
    lastError: z.string().nullable(),
    createdAt: time,
    deliveredAt: time.nullable(),
  })
  .meta({ id: 'WebhookDelivery' });
export type DeliveryResource = z.infer<typeof deliverySchema>;

export const deliveryListQuerySchema = pageQuerySchema.extend({
  status: z.enum(deliveryStatuses).optional(),
  subscriptionId: z.uuid().optional(),
  jobId: z.uuid().optional(),
  batchId: z.uuid().optional(),
});
