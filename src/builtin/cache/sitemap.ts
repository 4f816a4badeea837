import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { NonRetryableError } from '../../define/errors.ts';

/** What sitemaps.org allows one file. */
const MAX_BYTES = 50 * 1024 ** 2;
const MAX_ENTRIES = 50_000;
/** Deeper or richer than any sitemap is; the parser keeps open elements and their attributes in memory. */
const MAX_DEPTH = 16;
const MAX_ATTRIBUTES = 100;

export interface SitemapEntry {
  kind: 'url' | 'sitemap';
  loc: string;
}

/**
 * Reads the entries of a sitemap or an index of sitemaps, part by part. Compression is told by the content.
 * @throws NonRetryableError for what is no such file, or larger than sitemaps.org allows
 */
export async function* readSitemap(content: AsyncIterable<Uint8Array>): AsyncGenerator<SitemapEntry> {
  const { SaxesParser } = await import('saxes');
  const parser = new SaxesParser();
  const entries: SitemapEntry[] = [];
  const names: string[] = [];
  let loc = '';
  let attributes = 0;
  parser.on('attribute', () => {
    attributes += 1;
    if (attributes > MAX_ATTRIBUTES) throw new Error(`an element has more than ${MAX_ATTRIBUTES} attributes`);
  });
  parser.on('opentag', ({ name }) => {
    attributes = 0;
    loc = '';
    if (names.push(localName(name)) > MAX_DEPTH) throw new Error(`elements are nested deeper than ${MAX_DEPTH}`);
    if (names.length === 1 && !isRoot(name)) throw new Error(`it begins with <${name.slice(0, 100)}>`);
  });
  parser.on('text', (text) => {
    loc += text;
  });
  parser.on('cdata', (text) => {
    loc += text;
  });
  parser.on('closetag', () => {
    const kind = kindOf(names.join('/'));
    if (kind !== undefined) entries.push({ kind, loc: loc.trim() });
    names.pop();
  });

  const decoder = new TextDecoder();
  let count = 0;
  for await (const bytes of limit(unzip(content))) {
    parse(() => parser.write(decoder.decode(bytes, { stream: true })));
    for (const entry of entries.splice(0)) {
      count += 1;
      if (count > MAX_ENTRIES) throw new NonRetryableError(`the sitemap has more than ${MAX_ENTRIES} entries`);
      yield entry;
    }
  }
  parse(() => parser.close());
}

function kindOf(path: string): SitemapEntry['kind'] | undefined {
  if (path === 'urlset/url/loc') return 'url'; // and not that of an image or a video below it
  return path === 'sitemapindex/sitemap/loc' ? 'sitemap' : undefined;
}

function isRoot(name: string): boolean {
  return ['urlset', 'sitemapindex'].includes(localName(name));
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function parse(step: () => void): void {
  try {
    step();
  } catch (cause) {
    throw new NonRetryableError(`the sitemap cannot be read: ${(cause as Error).message}`, { cause });
  }
}

async function* limit(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of content) {
    bytes += part.byteLength;
    if (bytes > MAX_BYTES) throw new NonRetryableError(`the sitemap has more than ${MAX_BYTES} bytes`);
    yield part;
  }
}

async function* unzip(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const parts = content[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array();
  while (start.byteLength < 2) {
    const { done, value } = await parts.next();
    if (done) break;
    start = Buffer.concat([start, value]);
  }
  const whole = join(start, parts);
  if (start[0] !== 0x1f || start[1] !== 0x8b) {
    yield* whole;
    return;
  }
  const source = Readable.from(whole);
  const gunzip = createGunzip();
  source.once('error', (error) => gunzip.destroy(error));
  gunzip.once('close', () => source.destroy());
  try {
    yield* source.pipe(gunzip);
  } catch (cause) {
    const isDamaged = String((cause as NodeJS.ErrnoException).code).startsWith('Z_');
    throw isDamaged ? new NonRetryableError('the sitemap is damaged: it cannot be unzipped', { cause }) : cause;
  }
}

async function* join(start: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield start;
    for (let part = await rest.next(); !part.done; part = await rest.next()) yield part.value;
  } finally {
    await rest.return?.();
  }
}
