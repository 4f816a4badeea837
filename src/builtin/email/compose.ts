import type { JobContext } from '../../define/context.ts';
import { domainOf, type EmailAddress, type EmailMessage } from '../../define/email.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { toAddress, toAddresses } from './address.ts';
import { createRenderer } from './render.ts';
import type { EmailInput } from './schema.ts';

/** A message without its attachments, and not addressed to anybody yet. */
export type ComposedMessage = Omit<EmailMessage, 'attachments' | 'recipients'>;

/** @throws NonRetryableError for a template or a variable that is missing, or without a sender */
export async function composeMessage(input: EmailInput, ctx: JobContext): Promise<ComposedMessage> {
  const from = chooseSender(input, ctx);
  return {
    messageId: toMessageId(ctx.job.id, from),
    from,
    to: toAddresses(input.to),
    cc: toAddresses(input.cc),
    replyTo: toAddresses(input.replyTo),
    headers: input.headers ?? {},
    ...(await renderContent(input, ctx)),
  };
}

/** The same for every attempt, so that mailboxes which get a message twice can tell. */
export function toMessageId(id: string, from: EmailAddress): string {
  return `<${id}@${domainOf(from.address)}>`;
}

function chooseSender(input: EmailInput, ctx: JobContext): EmailAddress {
  const from = input.from === undefined ? ctx.services.email.defaultFrom : toAddress(input.from);
  if (from) return from;
  throw new NonRetryableError('there is no sender: give from, or set EMAIL_FROM');
}

async function renderContent(
  input: EmailInput,
  ctx: JobContext,
): Promise<Pick<EmailMessage, 'subject' | 'text' | 'html'>> {
  const template = input.template === undefined ? input : await ctx.services.email.readTemplate(input.template);
  const subject = input.subject ?? template.subject;
  if (!subject) {
    throw new NonRetryableError(
      `there is no subject: give it, or add ${input.template}.subject.txt to EMAIL_TEMPLATES_DIR`,
    );
  }
  // Without either, "{{" in a text is only text.
  if (input.template === undefined && input.variables === undefined) {
    return { subject, text: input.text, html: input.html };
  }
  const renderer = await createRenderer();
  const { variables = {} } = input;
  const render = (name: 'text' | 'html') =>
    template[name] === undefined ? undefined : renderer.render(name, template[name], variables);
  return {
    subject: requireOneLine(renderer.render('subject', subject, variables)),
    text: render('text'),
    html: render('html'),
  };
}

// A line break in the head of a message would begin another header.
function requireOneLine(subject: string): string {
  if (/^\P{Cc}+$/u.test(subject)) return subject;
  const why = subject === '' ? 'is empty' : 'contains a line break or another control character';
  throw new NonRetryableError(`the subject ${why} once it is rendered: ${JSON.stringify(subject.slice(0, 200))}`);
}
