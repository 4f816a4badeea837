import { z } from 'zod';
import { isStorableText } from '../shared/json.ts';

const MAX_DELAY_MS = 10 * 366 * 24 * 3_600_000;
const MAX_TIMEOUT_MS = 7 * 24 * 3_600_000;
/** Names of queues, tenants and types: what Redis keys, URLs and BullMQ accept without escaping. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

export const queueNameSchema = z.string().max(100).regex(NAME, 'must be letters, digits, ".", "_" or "-"');
export const tenantSchema = z.string().max(100).regex(NAME, 'must be letters, digits, ".", "_" or "-"');
export const typeNameSchema = z
  .string()
  .max(200)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*(:[A-Za-z0-9][A-Za-z0-9._-]*)*$/,
    'must be words of letters, digits, ".", "_" or "-", joined by ":"',
  );

/** Times beyond are none for PostgreSQL, or none for ISO 8601 with four digits. */
export function isUsableTime(text: string): boolean {
  const ms = Date.parse(text);
  return ms >= 0 && ms < Date.UTC(10_000, 0);
}

export const backoffSchema = z.strictObject({
  type: z.enum(['exponential', 'fixed']),
  delayMs: z.int().min(0).max(MAX_DELAY_MS),
  maxDelayMs: z.int().min(0).max(MAX_DELAY_MS).optional(),
  jitter: z.number().min(0).max(1).optional(),
});

export const webhookEvents = ['job.completed', 'job.failed', 'job.cancelled', 'job.expired'] as const;

export const webhookSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
    .max(2000)
    // A URL can be read although PostgreSQL cannot store its text.
    .refine((url) => isStorableText(url), 'must not contain NUL (U+0000) or half of a surrogate pair'),
  events: z
    .array(z.enum(webhookEvents))
    .min(1)
    .default([...webhookEvents]),
});
export type WebhookOptions = z.infer<typeof webhookSchema>;

export const jobOptionsSchema = z
  .strictObject({
    queue: queueNameSchema.optional(),
    priority: z.int().min(-100).max(100).optional(),
    delayMs: z.int().min(0, 'must not be negative').max(MAX_DELAY_MS).optional(),
    runAt: z.iso
      .datetime({ offset: true, abort: true })
      .refine(isUsableTime, 'must be in the years 1970 to 9999')
      .optional(),
    attempts: z.int().min(1).max(100).optional(),
    backoff: backoffSchema.optional(),
    timeoutMs: z.int().min(1).max(MAX_TIMEOUT_MS).optional(),
    ttlMs: z.int().min(1).max(MAX_DELAY_MS).optional(),
    deduplicationKey: z.string().min(1).max(255).optional(),
    concurrencyKey: z.string().min(1).max(255).optional(),
    batchId: z.uuid().optional(),
    tags: z.array(z.string().min(1).max(100)).max(20).optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    tenant: tenantSchema.optional(),
    webhook: webhookSchema.optional(),
  })
  .refine((options) => options.delayMs === undefined || options.runAt === undefined, {
    path: ['runAt'],
    message: 'must not be given together with delayMs',
  });
/** What a caller writes: everything that has a default may be left out. */
export type JobOptionsInput = z.input<typeof jobOptionsSchema>;

export const enqueueSchema = z
  .strictObject({
    type: z.string().min(1).max(200),
    input: z.unknown().refine((value) => value !== undefined, 'is required'),
    options: jobOptionsSchema.default({}),
  })
  .meta({
    id: 'EnqueueRequest',
    examples: [{ type: 'http:request', input: { url: 'https://example.com' }, options: { tags: ['first'] } }],
  });
export type EnqueueRequest = z.infer<typeof enqueueSchema>;
/** A job as a caller writes it. */
export type EnqueueInput = z.input<typeof enqueueSchema>;

/** Without `input` the job runs again with its own. */
export const retrySchema = z.strictObject({ input: z.unknown().optional() }).meta({ id: 'RetryRequest' });
