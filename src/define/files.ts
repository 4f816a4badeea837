import type { Readable } from 'node:stream';

export { isFileReference, toFileName } from '../shared/file-keys.ts';

/** A file that a job has made. */
export interface StoredFile {
  /** Names it for ever, e.g. `019ab…-video.mp4`. */
  key: string;
  /** Where it can be fetched: `/v1/files/<key>`, below PUBLIC_URL where that is set. */
  url: string;
  bytes: number;
}

/** What a file shall hold: its content, a stream of it, or a function that writes it to the path that it is given. */
export type FileContent = Uint8Array | string | AsyncIterable<Uint8Array> | ((path: string) => Promise<void>);

export interface CreateFileOptions {
  /** E.g. `text/csv; charset=utf-8`. Default: what the ending of the name stands for. */
  contentType?: string | undefined;
  /** Removes the file so many milliseconds after it was made, 1 s to 10 years. Default: it goes with its job. */
  expiresInMs?: number | undefined;
}

export interface ReadableFile {
  /** Read it to its end, or destroy it. It ends with an error when the run is aborted. */
  stream: Readable;
  bytes: number;
  contentType: string;
}

/** Files that jobs make and hand on. They belong to the job that made them, and are removed with it. */
export interface JobFiles {
  /** Whether files lie on this machine: then `locate` copies nothing. */
  readonly isLocal: boolean;
  /**
   * Makes a file of this job. It appears under its name when it is whole, and replaces one of the same name.
   * @param name letters, digits, ".", "_" and "-", at most 100; its ending tells the type of its content
   * @throws what the content throws; nothing is kept then
   */
  create(name: string, content: FileContent, options?: CreateFileOptions): Promise<StoredFile>;
  /**
   * Finds a file that a job of the same tenant has made, or that was uploaded for it.
   * @param keyOrUrl its key, or its URL
   * @returns an absolute path, to read from only. Where files lie elsewhere, it is fetched once in a run, and the copy is
   * removed when the run ends
   * @throws NonRetryableError when there is none
   */
  locate(keyOrUrl: string): Promise<string>;
  /**
   * Opens such a file to read it once from its beginning, without a copy.
   * @throws NonRetryableError when there is none
   */
  open(keyOrUrl: string): Promise<ReadableFile>;
}
