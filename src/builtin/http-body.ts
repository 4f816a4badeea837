import { NonRetryableError } from '../define/errors.ts';

export interface DecodedBody {
  body: unknown;
  bodyEncoding: 'json' | 'text' | 'base64' | 'none';
}

/**
 * Reads a body whole, but never more than `maxBytes` of it.
 * @param onBytes called with the bytes so far and, where it is known, the total
 * @throws NonRetryableError that names the limit
 */
export async function readBody(
  response: Response,
  maxBytes: number,
  onBytes: (bytes: number, total: number | undefined) => void,
): Promise<Buffer> {
  if (!response.body) return Buffer.alloc(0);
  const total = readContentLength(response);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = response.body.getReader();
  while (total === undefined || total <= maxBytes) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    bytes += value.byteLength;
    if (bytes > maxBytes) break;
    chunks.push(value);
    onBytes(bytes, total);
  }
  await reader.cancel();
  const size = total === undefined ? 'the response is larger' : `the response has ${total} bytes, more`;
  throw new NonRetryableError(`${size} than maxResponseBytes allows (${maxBytes} bytes)`);
}

/** @returns undefined when it is missing, or says the size before content decoding */
export function readContentLength(response: Response): number | undefined {
  const header = response.headers.get('content-length');
  return header === null || response.headers.has('content-encoding') || !/^\d+$/.test(header)
    ? undefined
    : Number(header);
}

/**
 * JSON where the content type says so, else text where the bytes are text, else base64. What PostgreSQL cannot keep
 * as text (NUL, half of a surrogate pair) falls to the next of these.
 */
export function decodeBody(bytes: Buffer, contentType: string | null): DecodedBody {
  if (bytes.byteLength === 0) return { body: null, bodyEncoding: 'none' };
  const text = decodeText(bytes, contentType);
  if (text === undefined) return { body: bytes.toString('base64'), bodyEncoding: 'base64' };
  if (/^[^;]*[/+]json\s*(;|$)/i.test(contentType ?? '')) {
    const parsed = parseJson(text);
    if (parsed) return { body: parsed.value, bodyEncoding: 'json' };
  }
  return { body: text, bodyEncoding: 'text' };
}

function decodeText(bytes: Buffer, contentType: string | null): string | undefined {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  for (const label of [charset, 'utf-8']) {
    try {
      const text = new TextDecoder(label, { fatal: true }).decode(bytes);
      return text.includes('\u0000') ? undefined : text;
    } catch {
      // An unknown charset, or bytes that are not of it: try the next.
    }
  }
  return undefined;
}

function parseJson(text: string): { value: unknown } | undefined {
  let isStorable = true;
  const check = (part: string) => {
    isStorable &&= part.isWellFormed() && !part.includes('\u0000');
  };
  try {
    const value: unknown = JSON.parse(text, (key, item: unknown) => {
      check(key);
      if (typeof item === 'string') check(item);
      return item;
    });
    return isStorable ? { value } : undefined;
  } catch {
    return undefined; // not JSON after all, or nested too deeply to be handled: it is kept as text
  }
}
