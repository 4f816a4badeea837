import type { FileResource } from '../contract/files.ts';
import { FILES_PATH, toKey } from '../shared/file-keys.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';

export interface ReadOptions extends CallOptions {
  /** As in the header `Range`, e.g. `bytes=0-1023`; the answer may be the whole file all the same. */
  range?: string | undefined;
}

/** What a file shall hold. A stream is sent as it comes, so `fs.createReadStream(path)` uploads a file of any size. */
export type UploadContent = Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface UploadOptions extends CreateOptions {
  /** What the file is called; default `upload`. Other characters than letters, digits, ".", "_" and "-" become "_". */
  name?: string | undefined;
  /** Default: what the ending of the name stands for. */
  contentType?: string | undefined;
  /** Default: the server's RETENTION_UPLOAD_DAYS. */
  expiresInMs?: number | undefined;
  tenant?: string | undefined;
}

export interface FilesClient {
  /**
   * Reads a file that a job has made or that was uploaded, from this client's server.
   * @param keyOrUrl its key, or its URL
   * @returns the answer once its headers are there; its `body` is a stream
   * @throws NOT_FOUND, RANGE_NOT_SATISFIABLE
   */
  get(keyOrUrl: string, options?: ReadOptions): Promise<Response>;
  /**
   * Uploads a file; its key may stand in inputs of jobs of the same tenant.
   * @throws BODY_TOO_LARGE, INVALID_FIELDS
   */
  upload(content: UploadContent, options?: UploadOptions): Promise<FileResource>;
  /** Deletes an upload. @throws NOT_FOUND, also for a file that a job has made */
  delete(keyOrUrl: string, call?: CallOptions): Promise<void>;
}

/** As long as a server waits for an upload that goes on. */
const UPLOAD_MAX_MS = 12 * 3_600_000;

export function createFilesClient(connection: Connection): FilesClient {
  const pathOf = (keyOrUrl: string) => FILES_PATH + encodeURIComponent(toKey(keyOrUrl));
  return {
    get: (keyOrUrl, { range, ...call } = {}) =>
      connection.openStream(pathOf(keyOrUrl), {
        ...call,
        headers: { accept: '*/*', ...(range === undefined ? {} : { range }) },
      }),

    upload: (content, { name, contentType, expiresInMs, tenant, idempotencyKey, ...call } = {}) =>
      connection.requestJson(FILES_PATH.slice(0, -1), {
        ...call,
        method: 'POST',
        query: { name, expiresInMs, tenant },
        content: toSendable(content),
        headers: {
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
          ...formatKey({ idempotencyKey }),
        },
        heldMs: UPLOAD_MAX_MS,
      }),

    async delete(keyOrUrl, call = {}) {
      await connection.openStream(pathOf(keyOrUrl), { ...call, method: 'DELETE' });
    },
  };
}

function toSendable(content: UploadContent): Uint8Array | Blob | ReadableStream<Uint8Array> {
  if (content instanceof Uint8Array || content instanceof Blob || content instanceof ReadableStream) return content;
  return ReadableStream.from(content);
}
