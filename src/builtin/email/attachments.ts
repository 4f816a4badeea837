import type { JobContext } from '../../define/context.ts';
import type { EmailAttachment } from '../../define/email.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { openBelow } from '../file-access.ts';
import type { EmailAttachmentInput } from './schema.ts';

/** Whether a text is the key or URL of a stored file rather than a path. */
const STORED = /^(?:https?:\/\/|\/v1\/files\/|[0-9a-f]{8}-[0-9a-f]{4}-)/i;

export interface OpenedAttachments {
  attachments: EmailAttachment[];
  /** Ends the reading, whether or not it has begun. */
  close(): Promise<void>;
}

/**
 * Opens what is to be sent; files are read while they are sent.
 * @throws NonRetryableError for a file that cannot be read, or when all of them are larger than `maxBytes`
 */
export async function openAttachments(
  inputs: readonly EmailAttachmentInput[],
  maxBytes: number,
  ctx: JobContext,
): Promise<OpenedAttachments> {
  const attachments: EmailAttachment[] = [];
  const closers: (() => Promise<void>)[] = [];
  const close = async () => void (await Promise.all(closers.map((closeOne) => closeOne())));
  let total = 0;
  try {
    for (const { from, content, ...about } of inputs) {
      const opened = from === undefined ? openContent(content ?? '') : await openFrom(from, ctx);
      closers.push(opened.close);
      total += opened.bytes;
      if (total > maxBytes) {
        throw new NonRetryableError(
          `the attachments are too large: with ${about.filename} they have ${total} bytes, ` +
            `and maxAttachmentBytes allows ${maxBytes}`,
        );
      }
      attachments.push({ contentType: opened.contentType, ...about, content: opened.content });
    }
    return { attachments, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface OpenedContent {
  content: EmailAttachment['content'];
  /** Where the file itself says it. */
  contentType?: string;
  bytes: number;
  close(): Promise<void>;
}

function openContent(base64: string): OpenedContent {
  const content = Buffer.from(base64, 'base64');
  return { content, bytes: content.byteLength, close: async () => undefined };
}

function openFrom(from: string, ctx: JobContext): Promise<OpenedContent> {
  return STORED.test(from) ? openStored(from, ctx) : openLocal(from, ctx);
}

async function openStored(keyOrUrl: string, ctx: JobContext): Promise<OpenedContent> {
  const { stream, bytes, contentType } = await ctx.files.open(keyOrUrl);
  return { content: stream, contentType, bytes, close: async () => void stream.destroy() };
}

async function openLocal(path: string, ctx: JobContext): Promise<OpenedContent> {
  const [first, ...others] = ctx.services.fileRoots;
  if (first === undefined) throw new NonRetryableError(`"${path}" may not be read: FILE_ROOTS names no folder`);
  const { handle, bytes } = await openBelow([first, ...others], path);
  if (bytes === 0) return { content: Buffer.alloc(0), bytes, close: () => handle.close() };
  // What is appended meanwhile is not sent: it was not counted.
  const content = handle.createReadStream({ autoClose: false, end: bytes - 1 });
  return {
    content,
    bytes,
    async close() {
      content.destroy();
      await handle.close();
    },
  };
}
