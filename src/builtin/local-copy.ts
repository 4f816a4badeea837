import { createWriteStream } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { JobContext } from '../define/context.ts';
import { NonRetryableError } from '../define/errors.ts';
import { isFileReference } from '../define/files.ts';
import { openBelow } from './file-access.ts';
import { isUrl, openSource } from './file-source.ts';

/** A file on this machine that can be read from anywhere. */
export interface LocalCopy {
  handle: FileHandle;
  bytes: number;
  /** Also removes what was downloaded. */
  close(): Promise<void>;
}

/** Opens a source for reading from anywhere; what lies elsewhere is fetched into a temporary folder. */
export async function openLocalCopy(source: string, maxBytes: number, ctx: JobContext): Promise<LocalCopy> {
  if (isFileReference(source)) return openPath(await ctx.files.locate(source), maxBytes);
  if (isUrl(source)) return download(source, maxBytes, ctx);
  const { storageDir, fileRoots } = ctx.services;
  const { handle, bytes } = await openBelow([storageDir, ...fileRoots], source);
  return checkSize({ handle, bytes, close: () => handle.close() }, maxBytes);
}

/** Reads a source whole; for what is small, and a library wants in one piece. */
export async function readWhole(source: string, maxBytes: number, ctx: JobContext): Promise<Buffer> {
  const opened = await openSource(source, ctx);
  try {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of opened.content) {
      ctx.signal.throwIfAborted();
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    await opened.close();
  }
}

async function openPath(path: string, maxBytes: number): Promise<LocalCopy> {
  const handle = await open(path);
  return checkSize({ handle, bytes: (await handle.stat()).size, close: () => handle.close() }, maxBytes);
}

async function download(source: string, maxBytes: number, ctx: JobContext): Promise<LocalCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-download-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'file');
    const opened = await openSource(source, ctx);
    try {
      await pipeline(limit(opened.content, maxBytes), createWriteStream(path), { signal: ctx.signal });
    } finally {
      await opened.close();
    }
    const copy = await openPath(path, maxBytes);
    return { ...copy, close: () => copy.close().finally(remove) };
  } catch (error) {
    await remove();
    ctx.signal.throwIfAborted();
    throw error;
  }
}

async function* limit(content: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield chunk;
  }
}

async function checkSize(copy: LocalCopy, maxBytes: number): Promise<LocalCopy> {
  if (copy.bytes <= maxBytes) return copy;
  await copy.close();
  throw tooLarge(maxBytes);
}

function tooLarge(maxBytes: number): NonRetryableError {
  return new NonRetryableError(`the file is larger than maxBytes allows (${maxBytes} bytes)`);
}
