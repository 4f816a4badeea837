import { z } from 'zod';
import { addressesSchema, addressSchema, headTextSchema, toAddresses } from './address.ts';

const MIB = 1024 ** 2;
const MAX_RECIPIENTS = 100;
/** Others describe the message or its way, which the program does. */
const freeHeaders = [
  ...['auto-submitted', 'feedback-id', 'importance', 'in-reply-to', 'list-help', 'list-id', 'list-unsubscribe'],
  ...['list-unsubscribe-post', 'organization', 'precedence', 'priority', 'references', 'sensitivity'],
];

const headerNameSchema = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9-]+$/, 'must be the name of a header')
  .refine((name) => /^x-./i.test(name) || freeHeaders.includes(name.toLowerCase()), {
    error: (issue) => `"${String(issue.input)}" cannot be set: allowed are X-… and ${freeHeaders.join(', ')}`,
  });

const attachmentSchema = z
  .strictObject({
    filename: z
      .string()
      .min(1)
      .max(200)
      .regex(/^[^/\\\p{Cc}]+$/u, 'must not contain "/", "\\", line breaks or other control characters')
      .meta({ description: 'As the recipient sees it.' }),
    from: z.string().min(1).max(4000).optional().meta({
      description:
        'The key or URL of a stored file, or the path of one below FILE_ROOTS, absolute, or relative to one of its folders.',
    }),
    content: z.base64('must be base64').optional().meta({ description: 'The content itself, in base64.' }),
    contentType: z
      .string()
      .max(200)
      .regex(/^[\w.+-]+\/[\w.+-]+(; ?[\w-]+=[\w.+-]+)*$/, 'must be a media type, e.g. application/pdf')
      .optional()
      .meta({ description: 'Default: by the ending of the filename.' }),
    cid: z
      .string()
      .max(200)
      .regex(/^[\w.@-]+$/, 'must be letters, digits, ".", "_", "@" or "-"')
      .optional()
      .meta({ description: 'Shows it within the HTML: `<img src="cid:…">`.' }),
  })
  .refine((attachment) => (attachment.from === undefined) !== (attachment.content === undefined), {
    message: 'needs either from or content',
  });

const templateSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be letters, digits, ".", "_" or "-", at most 100')
  .meta({ description: 'The files `<name>.subject.txt`, `<name>.txt` and `<name>.html` in EMAIL_TEMPLATES_DIR.' });

const bodySchema = z
  .string()
  .min(1)
  .max(5 * MIB);
export const variablesSchema = z
  .record(z.string().max(200), z.unknown())
  .meta({ description: 'For `{{name}}` (Mustache) in subject, text and HTML; escaped in HTML.' });

/** What one message and many have in common. */
export const messageShape = {
  from: addressSchema.optional().meta({ description: 'Default: EMAIL_FROM.' }),
  replyTo: addressesSchema.optional().meta({ description: 'Where answers go; default: to the sender.' }),
  subject: headTextSchema.min(1).optional().meta({ description: 'Goes before that of the template.' }),
  text: bodySchema.optional().meta({ description: 'What mail programs show that show no HTML.' }),
  html: bodySchema.optional().meta({ description: 'Without text or beside it.' }),
  template: templateSchema.optional(),
  variables: variablesSchema.optional(),
  headers: z
    .record(headerNameSchema, headTextSchema)
    .refine((headers) => Object.keys(headers).length <= 50, 'must have at most 50 entries')
    .optional()
    .meta({ description: `X-… and ${freeHeaders.join(', ')}.` }),
  attachments: z.array(attachmentSchema).max(50).optional(),
  maxAttachmentBytes: z
    .int()
    .min(0)
    .max(150 * MIB)
    .default(25 * MIB)
    .meta({ description: 'All attachments together, before they are encoded, which adds a third.' }),
};

export const emailInputSchema = z
  .strictObject({
    to: addressesSchema.optional().meta({ description: 'One or several; with cc and bcc 1 to 100 in all.' }),
    cc: addressesSchema.optional().meta({ description: 'Who is named as a copy.' }),
    bcc: addressesSchema.optional().meta({ description: 'Recipients that the message does not name.' }),
    ...messageShape,
  })
  .superRefine((input, ctx) => {
    const count = [input.to, input.cc, input.bcc].flatMap(toAddresses).length;
    if (count < 1 || count > MAX_RECIPIENTS) {
      ctx.addIssue({ code: 'custom', path: ['to'], message: `to, cc and bcc need 1 to ${MAX_RECIPIENTS} in all` });
    }
    checkContent(input, ctx);
  });
export type EmailInput = z.output<typeof emailInputSchema>;
export type EmailAttachmentInput = z.output<typeof attachmentSchema>;

type Content = { subject?: unknown; text?: unknown; html?: unknown; template?: unknown };

export function checkContent({ subject, text, html, template }: Content, ctx: z.RefinementCtx): void {
  const fault = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message });
  const hasBody = text !== undefined || html !== undefined;
  if (template !== undefined && hasBody) fault('template', 'must not be given with text or html');
  if (template !== undefined) return;
  if (subject === undefined) fault('subject', 'is required without a template');
  if (!hasBody) fault('text', 'is required without html and without a template');
}

export const emailOutputSchema = z.object({
  messageId: z.string().meta({ description: 'Made from the id of the job: the same for every attempt.' }),
  accepted: z.array(z.string()).meta({ description: 'The addresses that the server took the message for.' }),
  rejected: z
    .array(z.object({ address: z.string(), reply: z.string() }))
    .meta({ description: "Those that it refused for good, with the server's reply." }),
  response: z.string().meta({ description: "The server's reply to the message." }),
});
export type EmailOutput = z.output<typeof emailOutputSchema>;
