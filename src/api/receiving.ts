import type { Request } from 'express';
import { AppError } from '../shared/errors.ts';

/** How long a body may take to arrive that is no stream, and one that nobody reads. */
const RECEIVE_MS = 60_000;
/** How long a stream may stand still. */
const IDLE_MS = 60_000;

/**
 * Closes the connection when the body has not arrived in time, so that nobody holds one for ever by sending slowly.
 * @returns what ends the watch
 */
export function limitReceiving(request: Request): () => void {
  const { headers, complete } = request;
  if (complete) return () => undefined;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return () => undefined;
  const timer = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, RECEIVE_MS).unref();
  return () => clearTimeout(timer);
}

/**
 * A body as it arrives, in any time, unless it stands still.
 * @param release ends the watch over the whole of it
 * @throws INVALID_REQUEST when it breaks off
 */
export async function* readStream(request: Request, release: () => void): AsyncGenerator<Uint8Array> {
  release();
  request.setTimeout(IDLE_MS, () => request.destroy());
  try {
    // Not destroyed when the reader gives up: the caller shall still get its answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
    if (!request.complete) throw new Error('it ended too early');
  } catch (cause) {
    throw new AppError('INVALID_REQUEST', 'the upload broke off', { cause });
  } finally {
    request.setTimeout(0);
    limitReceiving(request);
  }
}
