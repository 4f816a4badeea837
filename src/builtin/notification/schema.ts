import { z } from 'zod';
import { userSchema } from '../../define/user-notifications.ts';
import { addressSchema, headTextSchema } from '../email/address.ts';
import { webUrlSchema } from '../web-url.ts';

const KIB = 1024;

const channelSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('email'),
    to: addressSchema,
  }),
  z.strictObject({
    type: z.literal('webhook'),
    url: webUrlSchema,
    secret: z
      .string()
      .regex(/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/, 'must be whsec_ and 24 to 64 bytes in base64')
      .optional()
      .meta({ description: 'Signs the message as Standard Webhooks says. It is kept with the input of the job.' }),
  }),
  z.strictObject({
    type: z.literal('slack'),
    url: webUrlSchema.meta({ description: 'An incoming webhook of Slack, or of what takes the same messages.' }),
  }),
  z.strictObject({ type: z.literal('inApp') }).meta({ description: 'Readable at `GET /v1/notifications?user=`.' }),
]);
export type Channel = z.output<typeof channelSchema>;

export const notificationInputSchema = z.strictObject({
  user: userSchema.meta({ description: 'As your application names its users.' }),
  title: headTextSchema.min(1).max(200),
  body: z
    .string()
    .max(20 * KIB)
    .default(''),
  link: webUrlSchema.optional().meta({ description: 'Where the message leads.' }),
  data: z.record(z.string(), z.unknown()).default({}).meta({ description: 'For webhooks and GET /v1/notifications.' }),
  channels: z
    .array(channelSchema)
    .min(1)
    .max(20)
    .refine((channels) => channels.filter(({ type }) => type === 'inApp').length <= 1, 'may name inApp only once'),
});
export type NotificationInput = z.output<typeof notificationInputSchema>;

export const notificationOutputSchema = z.object({
  channels: z
    .array(
      z.object({
        type: z.enum(['email', 'webhook', 'slack', 'inApp']),
        status: z.literal('sent'),
        detail: z.string().meta({ description: 'What the other side said; of inApp the id of the message.' }),
      }),
    )
    .meta({ description: 'In the order of the input.' }),
});
