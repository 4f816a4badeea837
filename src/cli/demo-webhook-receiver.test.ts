import { afterEach, beforeEach, expect, it } from 'vitest';
import { createWebhookSecret, signWebhook } from '../shared/webhook-signature.ts';
import { type Receiver, startReceiver } from './demo-webhook-receiver.ts';

const secret = createWebhookSecret();
const body = JSON.stringify({ type: 'job.completed', data: { id: 'x' } });
let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver(secret);
});
afterEach(() => receiver.stop());

async function send(signedWith: string): Promise<number> {
  const headers = { ...signWebhook(signedWith, 'msg_1', new Date(), body) };
  return (await fetch(`${receiver.url}/webhook`, { method: 'POST', headers, body })).status;
}

it('accepts a webhook with a valid signature', async () => {
  expect(await send(secret)).toBe(204);
  const received = await receiver.waitForWebhook(new AbortController().signal);
  expect(received).toMatchObject({ isGenuine: true, body: { type: 'job.completed' } });
});

it('refuses a webhook that somebody else signed', async () => {
  expect(await send(createWebhookSecret())).toBe(401);
  expect(await receiver.waitForWebhook(new AbortController().signal)).toMatchObject({ isGenuine: false });
});

it('stops waiting at the signal', async () => {
  await expect(receiver.waitForWebhook(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
});
