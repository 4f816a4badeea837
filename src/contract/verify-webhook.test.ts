import { describe, expect, it } from 'vitest';
import { createWebhookSecret, signWebhook } from '../shared/webhook-signature.ts';
import { type VerifyOptions, verifyWebhook, WebhookVerificationError } from './verify-webhook.ts';

const secret = createWebhookSecret();
const body = '{"type":"job.completed","data":{"name":"größer"}}';
const AT = 1_900_000_000_000;
const sign = (signedWith = secret, signed = body) => ({ ...signWebhook(signedWith, 'msg_1', new Date(AT), signed) });

const verify = (
  headers: Parameters<typeof verifyWebhook>[1],
  options: VerifyOptions = {},
  by: string | string[] = secret,
) => verifyWebhook(body, headers, by, { nowMs: AT, ...options });

describe('a webhook', () => {
  it('is taken back into its body when it is genuine, from text and from bytes', async () => {
    const payload = { type: 'job.completed', data: { name: 'größer' } };
    expect(await verify(sign())).toEqual(payload);
    const bytes = new TextEncoder().encode(body);
    expect(await verifyWebhook(bytes, sign(), secret, { nowMs: AT })).toEqual(payload);
  });

  it('may have its headers as fetch has them, as Node.js has them, and in capitals', async () => {
    await verify(new Headers(sign()));
    await verify(Object.fromEntries(Object.entries(sign()).map(([name, value]) => [name.toUpperCase(), value])));
  });

  it.each([
    ['another secret', sign(createWebhookSecret())],
    ['another body', sign(secret, `${body} `)],
    ['another id', { ...sign(), 'webhook-id': 'msg_2' }],
    ['another timestamp', { ...sign(), 'webhook-timestamp': String(AT / 1000 + 1) }],
    [
      'a signature of another version',
      { ...sign(), 'webhook-signature': sign()['webhook-signature'].replace('v1', 'v2') },
    ],
    ['a signature that is no base64', { ...sign(), 'webhook-signature': 'v1,***' }],
    ['an empty signature', { ...sign(), 'webhook-signature': 'v1,' }],
    ['a timestamp that is no number', { ...sign(), 'webhook-timestamp': 'NaN' }],
    ['no headers', {}],
  ])('is refused with %s', async (_what, headers) => {
    const refusal = verify(headers);
    await expect(refusal).rejects.toBeInstanceOf(WebhookVerificationError);
    await expect(refusal).rejects.toMatchObject({ code: 'WEBHOOK_NOT_GENUINE' });
  });

  it.each([-1, 1])('is refused when its time is too far off (%i)', async (side) => {
    await verify(sign(), { nowMs: AT + side * 300_000 });
    const late = verify(sign(), { nowMs: AT + side * 300_001 });
    await expect(late).rejects.toMatchObject({ code: 'WEBHOOK_TIMESTAMP_REFUSED' });
    await verify(sign(), { nowMs: AT + side * 300_001, toleranceMs: 600_000 });
  });

  it('is genuine by any of several signatures and any of several secrets', async () => {
    const other = createWebhookSecret();
    const both = {
      ...sign(),
      'webhook-signature': `v1a,x ${sign(other)['webhook-signature']} ${sign()['webhook-signature']}`,
    };
    await verify(both);
    await verify(sign(), {}, [other, secret]);
    await expect(verify(sign(), {}, [])).rejects.toBeInstanceOf(WebhookVerificationError);
  });

  it('is refused when what was signed is not JSON', async () => {
    const headers = signWebhook(secret, 'msg_1', new Date(AT), 'hello');
    const refusal = verifyWebhook('hello', { ...headers }, secret, { nowMs: AT });
    await expect(refusal).rejects.toMatchObject({ code: 'WEBHOOK_NOT_GENUINE' });
  });

  it('says so when the secret is none', async () => {
    await expect(verify(sign(), {}, 'whsec_')).rejects.toBeInstanceOf(TypeError);
    await expect(verify(sign(), {}, 'not base64!')).rejects.toBeInstanceOf(TypeError);
  });
});
