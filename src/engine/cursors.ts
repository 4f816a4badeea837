import { createHash } from 'node:crypto';
import { invalidFields } from '../shared/errors.ts';
import type { Caller } from './engine.ts';

const DIGEST_LENGTH = 10;

/** What a cursor belongs to: no other list, filter or tenant takes it. */
export interface ListQuery {
  /** E.g. `jobs`. */
  list: string;
  caller: Caller;
  filter?: object;
}

/** Makes the cursor of a page that ends at a position, e.g. the id of its last item. */
export function writeCursor(query: ListQuery, position: string): string {
  return `${position}.${digestOf(query)}`;
}

/**
 * Reads what {@link writeCursor} made.
 * @param pattern what a position looks like
 * @returns null where there is no cursor
 * @throws INVALID_FIELDS for a cursor of another query
 */
export function readCursor(query: ListQuery, cursor: string | undefined, pattern: RegExp): string | null {
  if (cursor === undefined) return null;
  const at = cursor.lastIndexOf('.');
  const position = cursor.slice(0, Math.max(0, at));
  if (cursor.slice(at + 1) === digestOf(query) && pattern.test(position)) return position;
  throw invalidFields([{ path: 'cursor', message: 'is not a cursor of this list with these filters' }]);
}

// The order in which filters were written says nothing.
function digestOf({ list, caller, filter = {} }: ListQuery): string {
  const named = Object.entries(filter).filter(([, value]) => value !== undefined);
  const text = JSON.stringify([list, caller.scope, named.sort(([one], [other]) => (one < other ? -1 : 1))]);
  return createHash('sha256').update(text).digest('base64url').slice(0, DIGEST_LENGTH);
}
