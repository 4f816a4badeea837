import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { readBody } from '../http-body.ts';
import { readFailure, toNetworkFailure } from '../http-failure.ts';
import { labelUrl } from '../web-url.ts';
import type { ChatMessage } from './chat-schema.ts';

/** Of all pictures of a call: they are held in memory, and sent as text a third longer. */
const MAX_BYTES = 8 * 1024 ** 2;
const TIMEOUT_MS = 60_000;
const known = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'];

/**
 * Fetches the pictures of messages and puts them in place of their URLs. The server of the model would fetch them too, but by
 * its own rules: one within our network could be made to call addresses there.
 */
export async function inlineImages(ctx: JobContext, messages: readonly ChatMessage[]): Promise<ChatMessage[]> {
  const room = { bytes: MAX_BYTES };
  const inlined: ChatMessage[] = [];
  for (const message of messages) {
    const { content } = message;
    inlined.push(
      typeof content === 'string' ? message : { ...message, content: await inlineParts(ctx, content, room) },
    );
  }
  return inlined;
}

type Part = Exclude<ChatMessage['content'], string>[number];

async function inlineParts(ctx: JobContext, parts: readonly Part[], room: { bytes: number }): Promise<Part[]> {
  const inlined: Part[] = [];
  for (const part of parts) {
    if (part.type === 'text' || part.image_url.url.startsWith('data:')) {
      inlined.push(part);
      continue;
    }
    const image = await fetchImage(ctx, part.image_url.url, room.bytes);
    room.bytes -= image.byteLength;
    inlined.push({ ...part, image_url: { ...part.image_url, url: await toDataUrl(image, part.image_url.url) } });
  }
  return inlined;
}

async function fetchImage(ctx: JobContext, url: string, maxBytes: number): Promise<Buffer> {
  const subject = `GET ${labelUrl(url)}`;
  const fail = (error: unknown): never => {
    ctx.signal.throwIfAborted();
    throw toNetworkFailure(subject, error);
  };
  const response = await ctx.services.fetch(url, { signal: ctx.signal, timeoutMs: TIMEOUT_MS, maxBytes }).catch(fail);
  if (!response.ok) throw await readFailure(subject, response);
  return readBody(response, maxBytes, () => {}).catch(fail);
}

async function toDataUrl(image: Buffer, url: string): Promise<string> {
  const { fileTypeFromBuffer } = await import('file-type');
  const type = (await fileTypeFromBuffer(image))?.mime;
  if (type !== undefined && known.includes(type)) return `data:${type};base64,${image.toString('base64')}`;
  throw new NonRetryableError(`${labelUrl(url)} is ${type ?? 'something unknown'}; PNG, JPEG, WebP or GIF is needed`);
}
