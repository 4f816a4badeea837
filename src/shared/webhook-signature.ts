import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** Header names of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com). */
export interface WebhookHeaders {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/** A new secret: `whsec_` and 24 random bytes in base64. */
export function createWebhookSecret(): string {
  return `whsec_${randomBytes(24).toString('base64')}`;
}

/**
 * Signs a body: HMAC-SHA256 over `id.timestamp.body`.
 * @param secret `whsec_…`
 * @param id the same for every try of one delivery
 */
export function signWebhook(secret: string, id: string, at: Date, body: string): WebhookHeaders {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}
