import { createHash } from 'node:crypto';
import { type Page, toPage } from '../contract/list.ts';
import { invalidFields } from '../shared/errors.ts';
import { UUID } from '../shared/ids.ts';
import type { Caller } from './engine.ts';

const DIGEST_LENGTH = 10;
const NAME = /^[^\p{Cc}\p{Cs}]+$/u;

/** What a cursor belongs to: no other list, filter or tenant takes it. */
export interface ListQuery {
  /** E.g. `jobs`. */
  list: string;
  caller: Caller;
  filter?: object;
}

export interface PageQuery extends ListQuery {
  limit: number;
  cursor: string | undefined;
}

/** How the place of a row in its list stands in a cursor. */
export interface Place<Row> {
  pattern: Pick<RegExp, 'test'>;
  of(row: Row): string;
}

export const BY_ID: Place<{ id: string }> = { pattern: UUID, of: ({ id }) => id };

/**
 * Reads a page of a list that is in the order of its places.
 * @param read reads so many rows behind a place; null: from the beginning
 * @throws INVALID_FIELDS for a cursor of another query
 */
export async function readPage<Row>(
  query: PageQuery,
  place: Place<NoInfer<Row>>,
  read: (after: string | null, limit: number) => Promise<readonly Row[]>,
): Promise<Page<Row>> {
  const rows = await read(readCursor(query, query.cursor, place.pattern), query.limit + 1);
  return toPage(rows, query.limit, (row) => writeCursor(query, place.of(row)));
}

/** The same of items that are all at hand, in the order of their names. @throws as {@link readPage} */
export function pageByName<Item>(
  items: readonly Item[],
  query: PageQuery,
  nameOf: (item: Item) => string,
): Promise<Page<Item>> {
  return readPage(query, { pattern: NAME, of: nameOf }, async (after, limit) =>
    items.filter((item) => after === null || nameOf(item) > after).slice(0, limit),
  );
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
export function readCursor(
  query: ListQuery,
  cursor: string | undefined,
  pattern: Place<never>['pattern'],
): string | null {
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
