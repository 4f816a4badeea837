import type { Page } from '../contract/list.ts';

export interface PageQuery {
  /** 1–200, default 50. */
  limit?: number | undefined;
  cursor?: string | undefined;
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
