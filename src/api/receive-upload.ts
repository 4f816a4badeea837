import type { Request } from 'express';
import { tooLarge } from '../engine/uploads.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import { FILE_NAME_RULE, isContentType, toFileName } from '../shared/file-keys.ts';
import { readFileName } from './content-disposition.ts';

/** The name in the query, that of Content-Disposition, or `upload`. @throws INVALID_FIELDS */
export function chooseName(request: Pick<Request, 'headers'>, query: { name?: string | undefined }): string {
  const [path, wanted] =
    query.name === undefined
      ? ['Content-Disposition', readFileName(request.headers['content-disposition']) ?? 'upload']
      : ['name', query.name];
  const name = toFileName(wanted);
  if (name !== undefined) return name;
  throw invalidFields([{ path, message: `holds no letter or digit that a name may have; allowed: ${FILE_NAME_RULE}` }]);
}

/** What `curl --data-binary` says of everything. */
const NO_TYPE = /^application\/x-www-form-urlencoded\b/i;

/**
 * @returns undefined where the request does not tell
 * @throws INVALID_FIELDS for a type that is none, and for a content that is encoded on its way; UNSUPPORTED_MEDIA_TYPE for a
 * form, since it would be kept with all that is around the file
 */
export function readContentType({ headers }: Pick<Request, 'headers'>): string | undefined {
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw invalidFields([{ path: 'Content-Encoding', message: 'must not be there: a file is kept as it is sent' }]);
  }
  const type = headers['content-type'];
  if (type !== undefined && /^multipart\/form-data\b/i.test(type)) {
    throw new AppError(
      'UNSUPPORTED_MEDIA_TYPE',
      'send the file itself as the body (curl --data-binary @file), not a form',
    );
  }
  if (type === undefined || NO_TYPE.test(type)) return undefined;
  if (isContentType(type)) return type;
  throw invalidFields([{ path: 'Content-Type', message: 'is no media type such as image/png' }]);
}

/** Refuses a file by what the request says of its length, before any of it is read. @throws BODY_TOO_LARGE */
export function checkLength({ headers }: Pick<Request, 'headers'>, maxBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}
