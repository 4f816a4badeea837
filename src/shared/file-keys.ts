/** Where the API serves the files that jobs have made; the key follows. */
export const FILES_PATH = '/v1/files/';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const ID_LENGTH = 36;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const URL_OF_FILE = /(?:^|\/)v1\/files\/([^/?#]+)(?:[?#].*)?$/;

/** Which file of which job. */
export interface FileAddress {
  jobId: string;
  name: string;
}

/** Whether a file may be called so: one segment of a path and of a URL, and never hidden. */
export function isFileName(name: string): boolean {
  return NAME.test(name);
}

/** What names a file for ever: the id of its job, which has 36 characters, "-", and its name. */
export function toFileKey({ jobId, name }: FileAddress): string {
  return `${jobId}-${name}`;
}

/** @returns undefined for what is no key */
export function parseFileKey(key: string): FileAddress | undefined {
  const jobId = key.slice(0, ID_LENGTH);
  const name = key.slice(ID_LENGTH + 1);
  return ID.test(jobId) && key[ID_LENGTH] === '-' && isFileName(name) ? { jobId, name } : undefined;
}

/** The key in a file's URL, which may be absolute or only a path; what is no such URL is given back. */
export function toKey(keyOrUrl: string): string {
  return URL_OF_FILE.exec(keyOrUrl)?.[1] ?? keyOrUrl;
}
