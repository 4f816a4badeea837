import type { z } from 'zod';
import type { JobContext } from '../../define/context.ts';
import { NonRetryableError, RetryLaterError } from '../../define/errors.ts';
import { defineJob } from '../../define/job.ts';
import { sendOver } from './channels.ts';
import { type Outcome, type Outcomes, readOutcomes, toOutcome } from './outcomes.ts';
import { type NotificationInput, notificationInputSchema, notificationOutputSchema } from './schema.ts';

export const userNotification = defineJob({
  type: 'user:notification',
  description: 'Tells a user something over several channels: e-mail, webhook, Slack, and inside of your application.',
  input: notificationInputSchema,
  output: notificationOutputSchema,
  attempts: 6,
  backoff: { type: 'exponential', delayMs: 30_000, maxDelayMs: 3_600_000 },
  timeoutMs: 300_000,
  examples: [
    {
      title: 'Tell a user over every channel',
      input: {
        user: 'ada',
        title: 'Your export is ready',
        body: 'It holds 1,204 orders.',
        link: 'https://shop.example.com/exports/17',
        data: { exportId: 17 },
        channels: [
          { type: 'inApp' },
          { type: 'email', to: 'Ada <ada@example.com>' },
          {
            type: 'webhook',
            url: 'https://shop.example.com/hooks/ada',
            secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
          },
          { type: 'slack', url: 'https://hooks.slack.example.com/services/T0/B0/x' },
        ],
      },
    },
    {
      title: 'Write a message that only the application shows',
      input: { user: 'ada', title: 'Welcome', channels: [{ type: 'inApp' }] },
    },
  ],
  failures: [
    {
      when: 'a channel fails for now (4xx of the mail server, 5xx, 408, 425 or 429 of an address, the network): it alone is tried again',
      effect: 'retry',
    },
    { when: 'a channel refuses for good, once the others are settled; the error lists each channel', effect: 'fail' },
  ],
  repeats:
    'Channels that were sent are kept, and not sent again. A worker that dies between the sending and the record of it ' +
    'sends again: with the same Message-ID and webhook-id; inApp writes its message once.',
  run: notify,
});

async function notify(input: NotificationInput, ctx: JobContext): Promise<z.input<typeof notificationOutputSchema>> {
  const outcomes = readOutcomes(ctx);
  const all = await Promise.all(input.channels.map((_, index) => settleChannel(input, index, outcomes, ctx)));
  const channels = input.channels.map(({ type }, index) => ({ type, ...(all[index] as Outcome) }));
  const deferred = all.flatMap((outcome) => (outcome.status === 'deferred' ? [outcome] : []));
  const summary = channels.map(({ type, status, detail }) => `${type} ${status} (${detail})`).join('; ');
  if (deferred.length > 0) {
    const delayMs = Math.max(...deferred.map((outcome) => outcome.delayMs ?? 0));
    throw delayMs > 0 ? new RetryLaterError(summary, delayMs) : new Error(summary);
  }
  const sent = channels.flatMap(({ type, status, detail }) => (status === 'sent' ? [{ type, status, detail }] : []));
  if (sent.length < channels.length) throw new NonRetryableError(summary);
  ctx.progress(100, `sent over ${sent.length === 1 ? '1 channel' : `${sent.length} channels`}`);
  return { channels: sent };
}

/** Sends over a channel that is not settled yet. What is settled is committed at once, whatever the others come to. */
async function settleChannel(
  input: NotificationInput,
  index: number,
  outcomes: Outcomes,
  ctx: JobContext,
): Promise<Outcome> {
  const known = outcomes.get(index);
  const channel = input.channels[index];
  if (known || !channel) return known ?? { status: 'failed', detail: 'there is no such channel' };
  const outcome = await sendOver(channel, input, `${ctx.job.id}-${index}`, ctx).then(
    (detail): Outcome => ({ status: 'sent', detail }),
    toOutcome,
  );
  ctx.signal.throwIfAborted();
  ctx.log[outcome.status === 'sent' ? 'info' : 'warn'](`${channel.type} ${outcome.status}: ${outcome.detail}`);
  if (outcome.status !== 'deferred') await outcomes.settle(index, outcome);
  return outcome;
}
