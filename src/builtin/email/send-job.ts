import type { JobContext } from '../../define/context.ts';
import { type EmailReceipt, emailKeyOf } from '../../define/email.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { defineJob } from '../../define/job.ts';
import { keepCheckpoint } from '../keep-checkpoint.ts';
import { toAddresses } from './address.ts';
import { openAttachments } from './attachments.ts';
import { composeMessage } from './compose.ts';
import { emailQueue } from './queue.ts';
import { type EmailInput, type EmailOutput, emailInputSchema, emailOutputSchema } from './schema.ts';

/** What is known of the recipients, kept across attempts. */
type Settled = Pick<EmailOutput, 'accepted' | 'rejected' | 'response'>;

export const emailSend = defineJob({
  type: 'email:send',
  description: 'Sends an e-mail through the server of SMTP_URL.',
  input: emailInputSchema,
  output: emailOutputSchema,
  queue: emailQueue,
  // A server that greylists wants minutes: 1, 2, 4, … up to 60 minutes, four hours in all.
  attempts: 10,
  backoff: { type: 'exponential', delayMs: 60_000, maxDelayMs: 3_600_000 },
  timeoutMs: 300_000, // above the timeouts of the connection, which have clearer messages
  examples: [
    {
      title: 'Send a text',
      input: { to: 'Ada <ada@example.com>', subject: 'Your order', text: 'It is on its way.' },
    },
    {
      title: 'Send HTML with variables and a file',
      input: {
        from: { address: 'shop@example.com', name: 'Shop' },
        to: ['ada@example.com', 'grace@example.com'],
        bcc: 'archive@example.com',
        subject: 'Invoice {{number}}',
        text: 'Dear {{name}}, the invoice is attached.',
        html: '<p>Dear {{name}}, the invoice is attached.</p>',
        variables: { number: 17, name: 'Ada & Grace' },
        attachments: [{ filename: 'invoice.txt', from: 'invoices/17.txt' }],
      },
    },
    {
      title: 'Send a template',
      input: { to: 'ada@example.com', template: 'welcome', variables: { name: 'Ada' } },
    },
  ],
  failures: [
    { when: 'the server answers 4xx, as when it greylists, or cannot be reached', effect: 'retry' },
    { when: 'the server puts off some of the recipients: only those get it next time', effect: 'retry' },
    { when: 'the server answers 5xx, or refuses every recipient with 5xx', effect: 'fail' },
    { when: 'SMTP_URL is not set, or a template, a variable, a file or the sender is missing', effect: 'fail' },
  ],
  repeats:
    'Who has got it is kept, so another attempt goes to the others alone. When the reply of the server is lost, or a ' +
    'worker dies or is cancelled between the acceptance and the record of it, it is sent again, under the same Message-ID.',
  run: sendEmail,
});

async function sendEmail(input: EmailInput, ctx: JobContext): Promise<EmailOutput> {
  const message = await composeMessage(input, ctx);
  const settled = readSettled(ctx);
  const recipients = findOpen(input, settled);
  if (recipients.length === 0) return conclude(message.messageId, settled);
  const opened = await openAttachments(input.attachments ?? [], input.maxAttachmentBytes, ctx);
  let receipt: EmailReceipt;
  try {
    ctx.progress(10, `sending to ${count(recipients)}`);
    receipt = await ctx.services.email.send({ ...message, recipients, attachments: opened.attachments }, ctx.signal);
  } finally {
    await opened.close();
  }
  const now = settle(settled, receipt);
  const deferred = receipt.refused.filter(({ isPermanent }) => !isPermanent);
  if (deferred.length > 0) {
    await keepCheckpoint(ctx, now);
    throw new Error(describeDeferred(deferred, now));
  }
  // Without a checkpoint: the end of the run is written until PostgreSQL takes it, and says the same.
  ctx.log.info(`sent ${message.messageId} to ${count(now.accepted)}`, { rejected: now.rejected.length });
  ctx.progress(100, `accepted for ${count(now.accepted)}`);
  return conclude(message.messageId, now);
}

/** A retry by hand, whose first attempt is 1 again, gives those another chance that were refused. */
function readSettled(ctx: JobContext): Settled {
  const { accepted = [], rejected = [], response = '' } = (ctx.lastCheckpoint ?? {}) as Partial<Settled>;
  return { accepted, rejected: ctx.attempt === 1 ? [] : rejected, response };
}

function findOpen(input: EmailInput, { accepted, rejected }: Settled): string[] {
  const done = new Set([...accepted, ...rejected.map(({ address }) => address)].map(emailKeyOf));
  const all = [input.to, input.cc, input.bcc].flatMap(toAddresses);
  const open = new Map(all.map(({ address }) => [emailKeyOf(address), address]));
  return [...open].flatMap(([key, address]) => (done.has(key) ? [] : [address]));
}

function settle(before: Settled, { accepted, refused, response }: EmailReceipt): Settled {
  const rejected = refused.flatMap(({ address, reply, isPermanent }) => (isPermanent ? [{ address, reply }] : []));
  return {
    accepted: [...before.accepted, ...accepted],
    rejected: [...before.rejected, ...rejected],
    response: accepted.length > 0 ? response : before.response,
  };
}

function conclude(messageId: string, { accepted, rejected, response }: Settled): EmailOutput {
  if (accepted.length > 0) return { messageId, accepted, rejected, response };
  throw new NonRetryableError(`the mail server refused every recipient: ${list(rejected)}`);
}

function describeDeferred(deferred: EmailReceipt['refused'], { accepted, rejected }: Settled): string {
  const others = [
    ...(accepted.length > 0 ? [`${count(accepted)} got it`] : []),
    ...(rejected.length > 0 ? [`${rejected.length} refused for good`] : []),
  ];
  return `the mail server put off ${list(deferred)}${others.length > 0 ? ` (${others.join(', ')})` : ''}`;
}

const SHOWN = 5;

function list(replies: readonly { address: string; reply: string }[]): string {
  const shown = replies.slice(0, SHOWN).map(({ address, reply }) => `${address}: ${reply}`);
  return [...shown, ...(replies.length > SHOWN ? [`and ${replies.length - SHOWN} more`] : [])].join('; ');
}

function count({ length }: readonly unknown[]): string {
  return length === 1 ? '1 recipient' : `${length} recipients`;
}
