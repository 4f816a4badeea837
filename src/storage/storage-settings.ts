import { fileURLToPath } from 'node:url';
import { AppError } from '../shared/errors.ts';

/** Plain data: it is sent to threads and child processes. */
export type StorageSettings = LocalStorageSettings | S3StorageSettings;

export interface LocalStorageSettings {
  kind: 'local';
  /** Absolute. */
  dir: string;
}

export interface S3StorageSettings {
  kind: 's3';
  bucket: string;
  /** Begins every key; empty, or with a slash at its end. */
  prefix: string;
  /** Undefined: Amazon's of the region. */
  endpoint: string | undefined;
  region: string | undefined;
  /** Whether the bucket is part of the path rather than of the host's name. */
  forcePathStyle: boolean;
}

const PARAMETERS = ['endpoint', 'region', 'forcePathStyle'];

/**
 * Reads STORAGE_URL.
 * @param storageDir where files lie without one; absolute
 * @throws INVALID_CONFIGURATION
 */
export function parseStorageUrl(url: string | undefined, storageDir: string): StorageSettings {
  if (url === undefined) return { kind: 'local', dir: storageDir };
  const parsed = URL.parse(url);
  if (parsed?.protocol === 'file:') return { kind: 'local', dir: toFolder(parsed) };
  if (parsed?.protocol === 's3:') return toS3(parsed);
  throw refuse('it must begin with file:// or s3://');
}

function toFolder(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw refuse('a file URL is file:/// and an absolute path, without a host', cause);
  }
}

function toS3(url: URL): S3StorageSettings {
  const { hostname: bucket, searchParams } = url;
  // The message must not show them.
  if (url.username !== '' || url.password !== '') throw refuse('keys belong into AWS_ACCESS_KEY_ID and its like');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/.test(bucket)) throw refuse('an S3 URL is s3://bucket/prefix');
  const unknown = [...searchParams.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) throw refuse(`it has a parameter "${unknown}"; allowed: ${PARAMETERS.join(', ')}`);
  const prefix = decodePath(url).replaceAll(/^\/+|\/+$/g, '');
  if (prefix !== '' && !/^[\w.!'()*-]+(\/[\w.!'()*-]+)*$/.test(prefix)) {
    throw refuse('a prefix is words of letters, digits and "!-_.*\'()", joined by "/"');
  }
  if (prefix.split('/').some((part) => part === '.' || part === '..')) throw refuse('a prefix has no ".."');
  const endpoint = searchParams.get('endpoint') ?? undefined;
  if (endpoint !== undefined && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    throw refuse('endpoint must be an http or https URL');
  }
  return {
    kind: 's3',
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    endpoint,
    region: searchParams.get('region') ?? undefined,
    forcePathStyle: readFlag(searchParams.get('forcePathStyle'), endpoint !== undefined),
  };
}

function decodePath({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname);
  } catch (cause) {
    throw refuse('its path is not valid percent-encoding', cause);
  }
}

function readFlag(text: string | null, otherwise: boolean): boolean {
  if (text === null) return otherwise;
  if (text === 'true' || text === 'false') return text === 'true';
  throw refuse('forcePathStyle must be true or false');
}

function refuse(why: string, cause?: unknown): AppError {
  return new AppError('INVALID_CONFIGURATION', `STORAGE_URL is not valid: ${why}`, { cause });
}
