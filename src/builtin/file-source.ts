import { basename } from 'node:path';
import type { JobContext } from '../define/context.ts';
import { openBelow } from './file-access.ts';
import { readContentLength } from './http-body.ts';
import { readFailure, toNetworkFailure } from './http-failure.ts';
import { labelUrl } from './web-url.ts';

const READ_BYTES = 256 * 1024;
/** As long as a job that reads files may take; the job's own limit ends the download before. */
const DOWNLOAD_TIMEOUT_MS = 3_600_000;

export interface FileSource {
  /** A safe file name, taken from the path or URL; the same for every attempt. */
  name: string;
  totalBytes: number | undefined;
  content: AsyncIterable<Uint8Array>;
  /** Ends the reading, whether or not it has begun. */
  close(): Promise<void>;
}

export function isUrl(source: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source);
}

/** Opens a local file or starts a download; the caller must close it. */
export async function openSource(source: string, ctx: JobContext): Promise<FileSource> {
  return isUrl(source) ? startDownload(source, ctx) : openLocal(source, ctx);
}

async function openLocal(source: string, ctx: JobContext): Promise<FileSource> {
  const { storageDir, fileRoots } = ctx.services;
  const { handle, bytes } = await openBelow([storageDir, ...fileRoots], source);
  return {
    name: toSafeName(basename(source)),
    totalBytes: bytes,
    content: handle.createReadStream({ highWaterMark: READ_BYTES, autoClose: false }),
    close: () => handle.close(),
  };
}

async function startDownload(url: string, ctx: JobContext): Promise<FileSource> {
  const subject = `GET ${labelUrl(url)}`;
  const closed = new AbortController();
  const signal = AbortSignal.any([ctx.signal, closed.signal]);
  // The checksum is of the file itself, so the server should not encode it on the way.
  const headers = { 'accept-encoding': 'identity' };
  const init = { headers, signal, timeoutMs: DOWNLOAD_TIMEOUT_MS };
  const response = await ctx.services.fetch(url, init).catch((error: unknown) => {
    ctx.signal.throwIfAborted();
    throw toNetworkFailure(subject, error);
  });
  if (!response.ok) throw await readFailure(subject, response);
  return {
    name: toSafeName(decodeName(new URL(url).pathname.split('/').at(-1) ?? '')),
    totalBytes: readContentLength(response),
    content: readDownload(subject, response),
    close: async () => closed.abort(),
  };
}

async function* readDownload(subject: string, response: Response): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  try {
    for await (const chunk of response.body) yield chunk;
  } catch (error) {
    throw toNetworkFailure(subject, error);
  }
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray % in the URL: any name will do
  }
}

/** Letters, digits, `.`, `_` and `-`, not hidden, and short enough for any file system with a suffix added. */
export function toSafeName(text: string): string {
  const clean = text.replaceAll(/[^\p{L}\p{N}._-]/gu, '_');
  return [...clean].slice(-60).join('').replace(/^\.+/, '') || 'file';
}
