import { z } from 'zod';
import { NonRetryableError } from '../../define/errors.ts';
import { jsonPathSchema, readPath, readScalar } from './json-path.ts';

const parameterSchema = z.string().min(1).max(100);
const sizeParameter = parameterSchema
  .optional()
  .meta({ description: 'The query parameter that asks for pageSize records.' });

export const pagingSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('none') }),
    z
      .strictObject({
        type: z.literal('cursor'),
        cursorPath: jsonPathSchema.min(1),
        parameter: parameterSchema.default('cursor'),
        sizeParameter,
      })
      .meta({ description: 'The answer holds the cursor of the next page; it is missing, null or empty in the last.' }),
    z
      .strictObject({
        type: z.literal('page'),
        parameter: parameterSchema.default('page'),
        first: z.int().min(0).max(1).default(1),
        sizeParameter,
      })
      .meta({ description: 'Pages are counted; the first empty one is the end.' }),
    z
      .strictObject({ type: z.literal('offset'), parameter: parameterSchema.default('offset'), sizeParameter })
      .meta({ description: 'Records are counted; the first empty page is the end.' }),
    z
      .strictObject({ type: z.literal('link'), sizeParameter })
      .meta({ description: 'The header Link names the next page with rel="next" (RFC 8288), on the same origin.' }),
  ])
  .default({ type: 'none' });
export type Paging = z.output<typeof pagingSchema>;

/** Where a page begins: what stands in the query parameter, or a URL. Kept as the cursor of a download. */
export const positionSchema = z.strictObject({ at: z.union([z.string().max(8000), z.number()]) });
export type Position = z.output<typeof positionSchema>;

/** @param position null for the first page */
export function toPageUrl(base: string, paging: Paging, position: Position | null, pageSize: number): string {
  if (paging.type === 'none') return base;
  if (paging.type === 'link' && position) return checkSameOrigin(base, String(position.at));
  const url = new URL(base);
  if (paging.sizeParameter !== undefined) url.searchParams.set(paging.sizeParameter, String(pageSize));
  const at = position?.at ?? (paging.type === 'page' ? paging.first : paging.type === 'offset' ? 0 : undefined);
  if (at !== undefined && paging.type !== 'link') url.searchParams.set(paging.parameter, String(at));
  return url.toString();
}

export interface ReadPage {
  body: unknown;
  records: number;
  url: string;
  link: string | null;
}

/** @returns null after the last page */
export function findNext(base: string, paging: Paging, position: Position | null, page: ReadPage): Position | null {
  switch (paging.type) {
    case 'none':
      return null;
    case 'cursor': {
      const at = readPath(page.body, paging.cursorPath);
      if (at === undefined || at === null || at === '' || at === false) return null;
      const next = positionSchema.safeParse({ at: readScalar(at) });
      if (!next.success) throw new NonRetryableError(`the cursor at "${paging.cursorPath}" is no text or number`);
      if (next.data.at === position?.at) throw new NonRetryableError('the server gave the same cursor again');
      return next.data;
    }
    case 'page':
      return page.records === 0 ? null : { at: Number(position?.at ?? paging.first) + 1 };
    case 'offset':
      return page.records === 0 ? null : { at: Number(position?.at ?? 0) + page.records };
    case 'link': {
      const target = findNextLink(page.link);
      if (target === undefined) return null;
      const url = URL.parse(target, page.url)?.toString();
      if (url === undefined || url === page.url)
        throw new NonRetryableError(`the next page has no usable URL: ${target}`);
      return { at: checkSameOrigin(base, url) };
    }
  }
}

// Credentials go along, and what may be read was decided for the first URL.
function checkSameOrigin(base: string, url: string): string {
  const [wanted, found] = [new URL(base).origin, URL.parse(url)?.origin];
  if (wanted === found) return url;
  throw new NonRetryableError(`the next page is on another origin (${found ?? 'none'}) than the first one (${wanted})`);
}

/** `<https://…?page=2>; rel="next", …` → the URL; relations are words, in capitals or not. */
export function findNextLink(header: string | null): string | undefined {
  for (const [, target, attributes = ''] of (header ?? '').matchAll(/<([^>]*)>((?:\s*;\s*[^,;"]+(?:"[^"]*")?)*)/g)) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(attributes);
    const relations = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/);
    if (relations.includes('next')) return target;
  }
  return undefined;
}
