import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { signWebhook } from '../../define/webhooks.ts';
import { toAddress } from '../email/address.ts';
import { toMessageId } from '../email/compose.ts';
import { describeStatus, readFailure, toNetworkFailure } from '../http-failure.ts';
import { toHtml, toSlack, toText } from './format.ts';
import type { Channel, NotificationInput } from './schema.ts';

const ANSWER_TIMEOUT_MS = 15_000;

/**
 * Sends a message over one channel.
 * @param id the same for every attempt, and of this channel alone
 * @returns what the other side said
 * @throws NonRetryableError where another attempt cannot help
 */
export async function sendOver(channel: Channel, input: NotificationInput, id: string, ctx: JobContext) {
  switch (channel.type) {
    case 'email':
      return sendEmail(channel, input, id, ctx);
    case 'webhook':
      return callWebhook(channel, input, id, ctx);
    case 'slack':
      return post(channel.url, JSON.stringify(toSlack(input)), {}, ctx);
    case 'inApp':
      return addToInbox(input, ctx);
  }
}

type ChannelOf<Type extends Channel['type']> = Extract<Channel, { type: Type }>;

async function sendEmail(channel: ChannelOf<'email'>, input: NotificationInput, id: string, ctx: JobContext) {
  const { email } = ctx.services;
  const from = email.defaultFrom;
  if (!from) throw new NonRetryableError('there is no sender: set EMAIL_FROM');
  const to = toAddress(channel.to);
  const message = {
    messageId: toMessageId(id, from),
    from,
    to: [to],
    subject: input.title,
    text: toText(input),
    html: toHtml(input),
    headers: { 'Auto-Submitted': 'auto-generated' },
    recipients: [to.address],
  };
  const { refused, response } = await email.send(message, ctx.signal);
  const [refusal] = refused;
  if (!refusal) return response;
  const why = `the mail server refused ${to.address}: ${refusal.reply}`;
  throw refusal.isPermanent ? new NonRetryableError(why) : new Error(why);
}

/** Standard Webhooks, as this program's own are; the id lets a receiver tell what it has seen. */
async function callWebhook(
  { url, secret }: ChannelOf<'webhook'>,
  { user, title, body, link, data }: NotificationInput,
  id: string,
  ctx: JobContext,
) {
  const now = new Date();
  const message = { id: ctx.job.id, user, title, body, link: link ?? null, data };
  const content = JSON.stringify({ type: 'user.notification', timestamp: now.toISOString(), data: message });
  const headers = secret === undefined ? { 'webhook-id': id } : { ...signWebhook(secret, id, now, content) };
  return post(url, content, headers, ctx);
}

async function post(url: string, body: string, headers: Record<string, string>, ctx: JobContext): Promise<string> {
  const subject = `POST ${new URL(url).origin}`; // the path of an incoming webhook is its password
  const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const signal = AbortSignal.any([ctx.signal, timeout]);
  const sent = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body, signal };
  const response = await ctx.services.fetch(url, { ...sent, redirect: 'manual' }).catch((error: unknown) => {
    ctx.signal.throwIfAborted();
    if (timeout.aborted) throw new Error(`${subject} gave no answer within ${ANSWER_TIMEOUT_MS} ms`);
    throw toNetworkFailure(subject, error);
  });
  if (!response.ok) throw await readFailure(subject, response);
  await response.body?.cancel();
  return describeStatus(response);
}

async function addToInbox({ user, title, body, link, data }: NotificationInput, ctx: JobContext) {
  const { tenant, id: jobId } = ctx.job;
  const message = { tenant, jobId, user, title, body, link: link ?? null, data };
  return (await ctx.services.notifications.add(message)).id;
}
