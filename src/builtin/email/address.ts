import { z } from 'zod';
import { type EmailAddress, isEmailAddress, parseEmailAddress } from '../../define/email.ts';

const NO_ADDRESS = 'must be an e-mail address, e.g. ada@example.com or Ada <ada@example.com>';
const NO_CONTROLS = /^\P{Cc}*$/u;

/** Text that stands in one line of the head: a line break in it would begin another header. */
export const headTextSchema = z
  .string()
  .max(1000)
  .regex(NO_CONTROLS, 'must not contain line breaks or other control characters');

export const addressSchema = z
  .union(
    [
      z
        .string()
        .max(500)
        .refine((text) => parseEmailAddress(text) !== undefined, NO_ADDRESS),
      z.strictObject({
        address: z.string().max(320).refine(isEmailAddress, 'must be an e-mail address, e.g. ada@example.com'),
        name: headTextSchema.max(200).optional(),
      }),
    ],
    NO_ADDRESS,
  )
  .meta({ description: '`ada@example.com`, `Ada <ada@example.com>`, or `{address, name}`.' });

/** One address or several. */
export const addressesSchema = z.union([addressSchema, z.array(addressSchema).max(100)], NO_ADDRESS);

export function toAddress(given: z.output<typeof addressSchema>): EmailAddress {
  if (typeof given !== 'string') return given;
  return parseEmailAddress(given) ?? { address: given };
}

export function toAddresses(given: z.output<typeof addressesSchema> | undefined): EmailAddress[] {
  if (given === undefined) return [];
  return (Array.isArray(given) ? given : [given]).map(toAddress);
}
