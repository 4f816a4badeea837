/** Where the API serves files; the key follows. */
export const FILES_PATH = '/v1/files/';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const MAX_NAME = 100;
const ID_LENGTH = 36;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const URL_OF_FILE = /(?:^|\/)v1\/files\/([^/?#]+)(?:[?#].*)?$/;

/** Which file of which job or upload. */
export interface FileKey {
  id: string;
  name: string;
}

export const FILE_NAME_RULE = 'letters, digits, ".", "_" and "-", at most 100, the first a letter or digit';

const CONTENT_TYPE = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}( *; *[\w-]+=("[\w .:/+-]*"|[\w.:+-]+))*$/;

/** Whether it is a media type, perhaps with parameters, that may stand in a header. */
export function isContentType(text: string): boolean {
  return text.length <= 255 && CONTENT_TYPE.test(text);
}

/**
 * The name that a file may have which somebody calls so: the last part of a path, without accents, other characters as "_",
 * and cut in front of its ending.
 * @returns undefined where no letter or digit is left
 */
export function toFileName(text: string): string | undefined {
  const last = text.split(/[/\\]/).at(-1) ?? '';
  const plain = last.normalize('NFKD').replaceAll(/\p{M}/gu, '').replaceAll('ß', 'ss');
  const clean = plain.replaceAll(/[^A-Za-z0-9._-]/g, '_').replace(/^[^A-Za-z0-9]+/, '');
  if (clean === '') return undefined;
  if (clean.length <= MAX_NAME) return clean;
  const ending = /\.[A-Za-z0-9.]{1,20}$/.exec(clean)?.[0] ?? '';
  return clean.slice(0, MAX_NAME - ending.length) + ending;
}

/** Whether a file may be called so: one segment of a path and of a URL, and never hidden. */
export function isFileName(name: string): boolean {
  return NAME.test(name);
}

/** What names a file for ever: the id of its job or upload, which has 36 characters, "-", and its name. */
export function toFileKey({ id, name }: FileKey): string {
  return `${id}-${name}`;
}

/** @returns undefined for what is no key */
export function parseFileKey(key: string): FileKey | undefined {
  const id = key.slice(0, ID_LENGTH);
  const name = key.slice(ID_LENGTH + 1);
  return ID.test(id) && key[ID_LENGTH] === '-' && isFileName(name) ? { id, name } : undefined;
}

/** The key in a file's URL, which may be absolute or only a path; what is no such URL is given back. */
export function toKey(keyOrUrl: string): string {
  return URL_OF_FILE.exec(keyOrUrl)?.[1] ?? keyOrUrl;
}

/** Whether it is the key or the URL of a file. */
export function isFileReference(text: string): boolean {
  return parseFileKey(toKey(text)) !== undefined;
}
