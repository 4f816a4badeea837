import { extname } from 'node:path';
import { contentType } from 'mime-types';
import { tenantSchema } from '../contract/enqueue.ts';
import { AppError } from '../shared/errors.ts';
import { isFileName } from '../shared/file-keys.ts';
import type { FileAddress, FileOwner } from './storage.ts';

/**
 * The path of an owner's files, with "/". Each part is one segment that cannot lead elsewhere.
 * @throws INTERNAL for parts that nobody checked before
 */
export function pathOfOwner({ tenant, id }: FileOwner): string {
  if (tenantSchema.safeParse(tenant).success && isFileName(id)) return `${tenant}/${id}`;
  throw new AppError('INTERNAL', `${JSON.stringify(`${tenant}/${id}`)} cannot have files`);
}

/** @throws INTERNAL, as {@link pathOfOwner} */
export function pathOfFile(address: FileAddress): string {
  if (isFileName(address.name)) return `${pathOfOwner(address)}/${address.name}`;
  throw new AppError('INTERNAL', `${JSON.stringify(address.name)} cannot be the name of a file`);
}

/** What the ending of a name stands for. */
export function contentTypeOf(name: string): string {
  return contentType(extname(name)) || 'application/octet-stream';
}
