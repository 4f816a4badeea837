import { LongshoreError } from '../shared/longshore-error.ts';
import type { WebhookPayload } from './webhook-payload.ts';

/** As `fetch` has them, or as Node.js and frameworks do. */
export type ReceivedHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyOptions {
  /** How far its timestamp may be from now, before or after; default 300,000. */
  toleranceMs?: number | undefined;
  /** Milliseconds since 1970; default: now. */
  nowMs?: number | undefined;
}

/** The webhook may be forged, changed on its way, or sent once more by somebody who has seen it. */
export class WebhookVerificationError extends LongshoreError {
  override name = 'WebhookVerificationError';
}

const TOLERANCE_MS = 300_000;
const SECRET_PREFIX = 'whsec_';
const VERSION = 'v1';

/**
 * Checks a webhook as Standard Webhooks 1.0.0 says (https://www.standardwebhooks.com), with Web Crypto alone.
 * @param body as it was received: parsing and writing it again changes the signature
 * @param secret `whsec_…`; several while one takes the place of another
 * @returns the parsed body
 * @throws WebhookVerificationError: WEBHOOK_NOT_GENUINE, WEBHOOK_TIMESTAMP_REFUSED; TypeError for a secret that is none
 */
export async function verifyWebhook<Payload = WebhookPayload>(
  body: string | Uint8Array,
  headers: ReceivedHeaders,
  secret: string | readonly string[],
  options: VerifyOptions = {},
): Promise<Payload> {
  const id = readHeader(headers, 'webhook-id');
  const timestamp = readHeader(headers, 'webhook-timestamp');
  checkTimestamp(timestamp, options);
  const signatures = readHeader(headers, 'webhook-signature').split(' ').flatMap(readSignature);
  const content = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const signed = concatenate(new TextEncoder().encode(`${id}.${timestamp}.`), content);
  for (const each of typeof secret === 'string' ? [secret] : secret) {
    if (await isSignedWith(each, signatures, signed)) return parseBody<Payload>(content);
  }
  throw notGenuine('no signature is of this body and a known secret');
}

function readHeader(headers: ReceivedHeaders, name: string): string {
  const value = isHeaders(headers) ? headers.get(name) : findField(headers, name);
  if (typeof value !== 'string' || value === '') throw notGenuine(`the header ${name} is missing`);
  return value;
}

function isHeaders(headers: ReceivedHeaders): headers is Headers {
  return typeof (headers as Headers).get === 'function';
}

function findField(headers: Exclude<ReceivedHeaders, Headers>, name: string): string | readonly string[] | undefined {
  if (headers[name] !== undefined) return headers[name];
  return Object.entries(headers).find(([each]) => each.toLowerCase() === name)?.[1];
}

function checkTimestamp(text: string, { toleranceMs = TOLERANCE_MS, nowMs = Date.now() }: VerifyOptions): void {
  if (!/^\d{1,12}$/.test(text)) throw notGenuine('webhook-timestamp is not a number of seconds');
  if (Math.abs(nowMs - Number(text) * 1000) <= toleranceMs) return;
  const message = `webhook-timestamp is more than ${toleranceMs} ms from now`;
  throw new WebhookVerificationError('WEBHOOK_TIMESTAMP_REFUSED', message);
}

/** `v1,<base64>`; other versions are for receivers that know them. */
function readSignature(text: string): Uint8Array<ArrayBuffer>[] {
  const [version, base64 = ''] = text.split(',');
  const bytes = version === VERSION ? decodeBase64(base64) : undefined;
  return bytes === undefined ? [] : [bytes];
}

// `subtle.verify` compares in constant time.
async function isSignedWith(
  secret: string,
  signatures: readonly Uint8Array<ArrayBuffer>[],
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const bytes = decodeBase64(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret);
  if (bytes === undefined || bytes.length === 0) throw new TypeError('a webhook secret is whsec_ and base64');
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify']);
  for (const signature of signatures) {
    if (await crypto.subtle.verify('HMAC', key, signature, signed)) return true;
  }
  return false;
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined; // no base64
  }
}

function concatenate(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}

function parseBody<Payload>(content: Uint8Array): Payload {
  try {
    return JSON.parse(new TextDecoder().decode(content)) as Payload;
  } catch {
    throw notGenuine('the body is not JSON'); // signed with this secret, but by something that is not Longshore
  }
}

function notGenuine(message: string): WebhookVerificationError {
  return new WebhookVerificationError('WEBHOOK_NOT_GENUINE', message);
}
