/** A file that a job has made. */
export interface StoredFile {
  /** Names it for ever, e.g. `019ab…-video.mp4`. */
  key: string;
  /** Where it can be fetched: `/v1/files/<key>`, below PUBLIC_URL where that is set. */
  url: string;
  bytes: number;
}

/** Files that jobs make and hand on. They belong to the job that made them, and are removed with it. */
export interface JobFiles {
  /**
   * Makes a file of this job. It appears under its name when it is whole, and replaces one of the same name.
   * @param name letters, digits, ".", "_" and "-", at most 100; its ending tells the type of its content
   * @param content what it holds, or a function that writes it to the path that it is given
   * @throws what the function throws; nothing is kept then
   */
  create(name: string, content: Uint8Array | string | ((path: string) => Promise<void>)): Promise<StoredFile>;
  /**
   * Finds a file that a job of the same tenant has made.
   * @param keyOrUrl its key, or its URL
   * @returns an absolute path, to read from only
   * @throws NonRetryableError when there is none
   */
  locate(keyOrUrl: string): Promise<string>;
}
