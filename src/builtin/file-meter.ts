import { createHash } from 'node:crypto';
import { NonRetryableError } from '../define/errors.ts';

/** As much as file-type looks at for almost every format. */
const SAMPLE_BYTES = 4100;

interface Measured {
  bytes: number;
  checksum: string;
  mimeType: string;
}

export interface Meter {
  /** Passes the content on, unchanged. */
  pass(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  /** Call it once, after the last byte. */
  finish(): Promise<Measured>;
}

/**
 * Measures content while it streams past.
 * @param options.onBytes called with the bytes so far, for every chunk
 */
export function createMeter(options: {
  algorithm: 'sha256' | 'sha512' | 'md5';
  maxBytes: number;
  onBytes: (bytes: number) => void;
}): Meter {
  const hash = createHash(options.algorithm);
  let sample = Buffer.alloc(0);
  let bytes = 0;
  return {
    async *pass(content) {
      for await (const chunk of content) {
        bytes += chunk.byteLength;
        if (bytes > options.maxBytes) {
          throw new NonRetryableError(`the file is larger than maxBytes allows (${options.maxBytes} bytes)`);
        }
        if (sample.byteLength < SAMPLE_BYTES) {
          sample = Buffer.concat([sample, chunk.subarray(0, SAMPLE_BYTES - sample.byteLength)]);
        }
        hash.update(chunk);
        options.onBytes(bytes);
        yield chunk;
      }
    },
    finish: async () => ({ bytes, checksum: hash.digest('hex'), mimeType: await detectMimeType(sample) }),
  };
}

/** By content alone: what file-type knows, else `text/plain` for UTF-8 text, else `application/octet-stream`. */
async function detectMimeType(sample: Uint8Array): Promise<string> {
  const { fileTypeFromBuffer } = await import('file-type');
  const known = await fileTypeFromBuffer(sample);
  if (known) return known.mime;
  return isText(sample) ? 'text/plain' : 'application/octet-stream';
}

function isText(sample: Uint8Array): boolean {
  if (sample.byteLength === 0 || sample.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(sample, { stream: true }); // the last character may be cut
    return true;
  } catch {
    return false;
  }
}
