import { basename } from 'node:path';
import type { JobContext } from '../define/context.ts';
import { isFileReference, toFileName } from '../define/files.ts';
import { openBelow } from './file-access.ts';
import { readContentLength } from './http-body.ts';
import { readFailure, toNetworkFailure } from './http-failure.ts';
import { readLentPieces } from './lent-pieces.ts';
import { labelUrl } from './web-url.ts';

const READ_BYTES = 256 * 1024;
/** As long as a job that reads files may take; the job's own limit ends the download before. */
const DOWNLOAD_TIMEOUT_MS = 3_600_000;
/** Of the id and the "-" before the name in a key. */
const KEY_ID_LENGTH = 37;

export interface FileSource {
  /** A safe file name, taken from the path or URL; the same for every attempt. */
  name: string;
  totalBytes: number | undefined;
  content: AsyncIterable<Uint8Array>;
  /** The content of a file on this machine once more, in place of the stream: {@link readLentPieces}. */
  lendPieces?: () => AsyncIterable<Uint8Array>;
  /** Ends the reading, whether or not it has begun. */
  close(): Promise<void>;
}

export function isUrl(source: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source);
}

/** Opens a stored or local file, or starts a download; the caller must close it. */
export async function openSource(source: string, ctx: JobContext): Promise<FileSource> {
  if (isFileReference(source)) return openStored(source, ctx);
  return isUrl(source) ? startDownload(source, ctx) : openLocal(source, ctx);
}

/** The name that a source has, before it is opened. */
export function nameOf(source: string): string {
  if (isFileReference(source))
    return toSafeName(
      source
        .replace(/[?#].*$/, '')
        .split('/')
        .at(-1)
        ?.slice(KEY_ID_LENGTH) ?? '',
    );
  if (isUrl(source)) return toSafeName(decodeName(new URL(source).pathname.split('/').at(-1) ?? ''));
  return toSafeName(basename(source));
}

async function openStored(source: string, ctx: JobContext): Promise<FileSource> {
  const { stream, bytes } = await ctx.files.open(source);
  return { name: nameOf(source), totalBytes: bytes, content: stream, close: async () => void stream.destroy() };
}

async function openLocal(source: string, ctx: JobContext): Promise<FileSource> {
  const { storageDir, fileRoots } = ctx.services;
  const { handle, bytes } = await openBelow([storageDir, ...fileRoots], source);
  return {
    name: nameOf(source),
    totalBytes: bytes,
    content: handle.createReadStream({ highWaterMark: READ_BYTES, autoClose: false }),
    lendPieces: () => readLentPieces(handle),
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
    name: nameOf(url),
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

/** A name that the file of a job may have, with room for a suffix. */
export function toSafeName(text: string): string {
  return toFileName(toFileName(text)?.slice(-60) ?? '') ?? 'file';
}
