import type { Page } from '../contract/list.ts';
import type { Call, CallOptions, Connection } from './connection.ts';

export interface PageQuery {
  /** 1–200, default 50. */
  limit?: number | undefined;
  cursor?: string | undefined;
}

/** A list: `await` or `page()` gives the page that was asked for, `for await` every item from there on, page by page. */
export type PageList<T> = Promise<Page<T>> & AsyncIterable<T> & { page(): Promise<Page<T>> };

/** Asks for the first page at once; for the others when an iteration comes to them. */
export function createPageList<T>(
  fetchPage: (cursor: string | undefined) => Promise<Page<T>>,
  cursor?: string | undefined,
): PageList<T> {
  const first = fetchPage(cursor);
  const fetchNext = (next: string | undefined) => (next === cursor ? first : fetchPage(next));
  return Object.assign(first, {
    page: () => first,
    [Symbol.asyncIterator]: () => iteratePages(fetchNext, cursor),
  });
}

/** The list at a path, whose query takes `cursor`. */
export function requestPages<T>(
  connection: Connection,
  path: string,
  query: PageQuery & Call['query'] = {},
  call: CallOptions = {},
): PageList<T> {
  return createPageList(
    (cursor) => connection.requestJson<Page<T>>(path, { ...call, query: { ...query, cursor } }),
    query.cursor,
  );
}

/** Walks all pages of a list. */
export async function* iteratePages<T>(
  fetchPage: (cursor: string | undefined) => Promise<Page<T>>,
  cursor?: string | undefined,
): AsyncGenerator<T, void, undefined> {
  let next: string | null | undefined = cursor;
  do {
    const page: Page<T> = await fetchPage(next);
    yield* page.items;
    next = page.nextCursor;
  } while (next !== null);
}

/** The items of all pages, where they are few. */
export async function collectPages<T>(fetchPage: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iteratePages(fetchPage)) items.push(item);
  return items;
}
