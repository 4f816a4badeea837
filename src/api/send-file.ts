import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import type { FoundFile } from '../engine/files.ts';
import { AppError } from '../shared/errors.ts';
import type { FileStorage } from '../storage/storage.ts';
import { chooseRange, hasPrecondition, shortenSuffix } from './file-conditions.ts';

/**
 * What a job made may be a page or a drawing with a script in it: shown, it belongs to no origin and may do nothing but
 * show itself.
 */
const POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'";
/** What would be said of the file, and not of the problem that is answered in its place. */
const ABOUT_FILE = ['ETag', 'Last-Modified', 'Accept-Ranges', 'Content-Type', 'Content-Disposition', 'Cache-Control'];

/**
 * Answers with a file, or with the range of it that the request asks for.
 * @throws NOT_FOUND, RANGE_NOT_SATISFIABLE, PRECONDITION_FAILED, STORAGE_UNAVAILABLE
 */
export async function sendFile(request: Request, response: Response, storage: FileStorage, found: FoundFile) {
  const { name } = found.address;
  request.headers.range = shortenSuffix(request.headers.range, found.facts.bytes);
  try {
    const path = await storage.findPath(found.address);
    if (path === undefined) await sendStored(request, response, storage, found);
    else await sendLocal(response, path, found);
  } catch (error) {
    if (hasLeft(error)) return;
    if (!response.headersSent) for (const about of ABOUT_FILE) response.removeHeader(about);
    throw explain(error, name);
  }
}

function headersOf({ address, facts }: FoundFile): Record<string, string> {
  return {
    'Cache-Control': 'private, no-cache', // a retry may replace it
    'Content-Disposition': `inline; filename="${address.name}"`,
    'Content-Security-Policy': POLICY,
    'Content-Type': facts.contentType,
  };
}

/** Range, If-Range, If-None-Match and the like are Express's (`send`). */
function sendLocal(response: Response, path: string, found: FoundFile): Promise<void> {
  // The root keeps a hidden folder above it, such as .longshore, from counting as one of the file.
  const options = { root: dirname(path), cacheControl: false, headers: headersOf(found) };
  return new Promise((resolve, reject) => {
    response.sendFile(basename(path), options, (error?: Error) => (error ? reject(error) : resolve()));
  });
}

async function sendStored(request: Request, response: Response, storage: FileStorage, found: FoundFile): Promise<void> {
  const { address, facts } = found;
  if (!hasPrecondition(request.headers, facts)) throw Object.assign(new Error(), { status: 412 });
  // Not with Express's own function, which would complete the type.
  for (const [header, value] of Object.entries(headersOf(found))) response.setHeader(header, value);
  response.set({ ETag: facts.etag, 'Last-Modified': facts.lastModified.toUTCString() });
  response.set('Accept-Ranges', 'bytes');
  if (request.fresh) {
    response.removeHeader('Content-Type');
    response.status(304).end();
    return;
  }
  const range = chooseRange(request, facts);
  if (range === 'unsatisfiable') {
    response.set('Content-Range', `bytes */${facts.bytes}`);
    throw Object.assign(new Error(), { status: 416 });
  }
  const length = range ? range.end - range.start + 1 : facts.bytes;
  if (range) response.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${facts.bytes}`);
  response.set('Content-Length', String(length));
  if (request.method === 'HEAD' || length === 0) {
    response.end();
    return;
  }
  const opened = await storage.open(address, range ? { range } : {});
  if (!opened) throw Object.assign(new Error(), { status: 404 });
  if (opened.etag !== facts.etag) {
    opened.stream.destroy();
    for (const about of ['Content-Length', 'Content-Range']) response.removeHeader(about);
    throw new AppError('STORAGE_UNAVAILABLE', `${address.name} has just been replaced; ask again`);
  }
  await pipeline(opened.stream, response);
}

/** The caller has closed the connection, which Express and streams tell as these. */
function hasLeft(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code === 'ECONNABORTED' || code === 'ERR_STREAM_PREMATURE_CLOSE' || syscall === 'write';
}

function explain(error: unknown, name: string): unknown {
  const { status } = error as { status?: unknown };
  if (status === 416) return new AppError('RANGE_NOT_SATISFIABLE', `${name} has no such bytes; see Content-Range`);
  if (status === 412)
    return new AppError('PRECONDITION_FAILED', `${name} is not the one that If-Match or its like names`);
  if (status === 404) return new AppError('NOT_FOUND', `there is no file ${name} any more`);
  return error;
}
