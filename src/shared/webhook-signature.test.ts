import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createWebhookSecret, signWebhook } from './webhook-signature.ts';

const secret = createWebhookSecret();
const body = '{"type":"job.completed"}';

describe('a webhook signature', () => {
  it('is the HMAC-SHA256 of id, timestamp and body, as Standard Webhooks has it', () => {
    const headers = signWebhook(secret, 'msg_1', new Date(1_700_000_000_999), body);
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const mac = createHmac('sha256', key).update(`msg_1.1700000000.${body}`).digest('base64');
    expect(headers).toEqual({
      'webhook-id': 'msg_1',
      'webhook-timestamp': '1700000000',
      'webhook-signature': `v1,${mac}`,
    });
  });
});
