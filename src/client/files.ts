import { FILES_PATH, toKey } from '../shared/file-keys.ts';
import type { Connection } from './connection.ts';

export interface ReadOptions {
  /** As in the header `Range`, e.g. `bytes=0-1023`; the answer may be the whole file all the same. */
  range?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface FilesClient {
  /**
   * Reads a file that a job has made, from this client's server.
   * @param keyOrUrl its key, or its URL
   * @returns the answer once its headers are there; its `body` is a stream
   * @throws NOT_FOUND, RANGE_NOT_SATISFIABLE
   */
  get(keyOrUrl: string, options?: ReadOptions): Promise<Response>;
}

export function createFilesClient(connection: Connection): FilesClient {
  return {
    get: (keyOrUrl, { range, signal } = {}) =>
      connection.openStream(FILES_PATH + encodeURIComponent(toKey(keyOrUrl)), {
        headers: { accept: '*/*', ...(range === undefined ? {} : { range }) },
        signal,
      }),
  };
}
