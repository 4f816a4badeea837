import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createWebhookSecret, signWebhook, verifyWebhook } from './webhook-signature.ts';

const secret = createWebhookSecret();
const body = '{"type":"job.completed"}';
const sign = (at = new Date()) => ({ ...signWebhook(secret, 'msg_1', at, body) });

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

  it('is taken back into the body when it is genuine', () => {
    expect(verifyWebhook(secret, sign(), body)).toEqual({ type: 'job.completed' });
  });

  it('is refused with another secret, body, id or header, and when it is old', () => {
    const headers = sign();
    expect(verifyWebhook(createWebhookSecret(), headers, body)).toBeUndefined();
    expect(verifyWebhook(secret, headers, `${body} `)).toBeUndefined();
    expect(verifyWebhook(secret, { ...headers, 'webhook-id': 'msg_2' }, body)).toBeUndefined();
    expect(verifyWebhook(secret, {}, body)).toBeUndefined();
    expect(verifyWebhook(secret, sign(new Date(Date.now() - 600_000)), body)).toBeUndefined();
  });
});
