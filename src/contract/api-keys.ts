import { z } from 'zod';
import { isUsableTime, tenantSchema } from './enqueue.ts';

const time = z.iso.datetime();

/** `admin` implies the others; `jobs:write` does not imply `jobs:read`. */
export const keyScopes = ['jobs:read', 'jobs:write', 'admin'] as const;
export type KeyScope = (typeof keyScopes)[number];

const nameSchema = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');

export const createKeySchema = z
  .strictObject({
    name: nameSchema,
    tenant: tenantSchema
      .nullable()
      .optional()
      .meta({ description: 'Whose data it is for; null or none: as the caller, so all tenants for a key of all.' }),
    scopes: z
      .array(z.enum(keyScopes))
      .min(1)
      .max(keyScopes.length)
      .refine((scopes) => new Set(scopes).size === scopes.length, 'must not name a scope twice'),
    expiresAt: z.iso
      .datetime({ offset: true, abort: true })
      .refine(isUsableTime, 'must be in the years 1970 to 9999')
      .nullable()
      .optional(),
  })
  .meta({ id: 'CreateApiKey' });
export type CreateKeyRequest = z.infer<typeof createKeySchema>;
export type CreateKeyInput = z.input<typeof createKeySchema>;

export const apiKeySchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    tenant: z.string().nullable().meta({ description: 'null: all tenants' }),
    scopes: z.array(z.enum(keyScopes)),
    prefix: z.string().meta({ description: 'the first characters of the key' }),
    createdBy: z.string(),
    createdAt: time,
    expiresAt: time.nullable(),
    lastUsedAt: time.nullable().meta({ description: 'to the minute' }),
    revokedAt: time.nullable(),
  })
  .meta({ id: 'ApiKey' });
export type ApiKeyResource = z.infer<typeof apiKeySchema>;

export const createdKeySchema = apiKeySchema
  .extend({
    key: z.string().optional().meta({ description: 'The key itself, this once; a repeated call is answered without.' }),
  })
  .meta({ id: 'CreatedApiKey' });
export type CreatedKeyResource = z.infer<typeof createdKeySchema>;
