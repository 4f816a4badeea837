import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readSitemap } from './sitemap.ts';

async function* inParts(content: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.byteLength; start += size) yield content.subarray(start, start + size);
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

const read = (content: string | Uint8Array, size = 65_536) =>
  collect(readSitemap(inParts(Buffer.from(content as string), size)));

const urlset = (body: string) => `<?xml version="1.0" encoding="UTF-8"?>
  <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">${body}</urlset>`;

describe('a sitemap', () => {
  it('gives its locations, unescaped and trimmed, and not those of its images', async () => {
    const text = urlset(`
      <url><loc>
        https://a.example/?x=1&amp;y=2 </loc><lastmod>2030-01-01</lastmod>
        <image:image xmlns:image="x"><image:loc>https://a.example/a.png</image:loc></image:image></url>
      <url><loc><![CDATA[https://a.example/grün]]></loc></url>`);
    expect(await read(text)).toEqual([
      { kind: 'url', loc: 'https://a.example/?x=1&y=2' },
      { kind: 'url', loc: 'https://a.example/grün' },
    ]);
  });

  it('may be an index, have prefixes, be gzipped, and come in parts of any size', async () => {
    const text =
      '<s:sitemapindex xmlns:s="x"><s:sitemap><s:loc>https://a.example/ü.xml</s:loc></s:sitemap></s:sitemapindex>';
    for (const content of [Buffer.from(text), gzipSync(text)]) {
      for (const size of [1, 7, 65_536]) {
        expect(await read(content, size)).toEqual([{ kind: 'sitemap', loc: 'https://a.example/ü.xml' }]);
      }
    }
  });

  it.each<[string, string | Uint8Array, string]>([
    ['HTML', '<html><body/></html>', 'it begins with <html>'],
    ['no XML', 'https://a.example/', 'cannot be read'],
    ['nothing', '', 'cannot be read'],
    ['cut off', '<urlset><url><loc>https://a.exa', 'cannot be read'],
    ['damaged', gzipSync(urlset('<url><loc>x</loc></url>')).fill(0, 20, 40), 'damaged'],
    ['cut off within gzip', gzipSync(urlset('x'.repeat(1000))).subarray(0, 40), 'damaged'],
    ['using entities of its own', '<!DOCTYPE a [<!ENTITY b "c">]><urlset>&b;</urlset>', 'undefined entity'],
    ['nested deeply', '<urlset>'.concat('<a>'.repeat(100)), 'nested deeper'],
    ['rich in attributes', `<urlset ${Array.from({ length: 200 }, (_, n) => `a${n}="1"`).join(' ')}>`, 'attributes'],
    ['rich in entries', urlset('<url><loc>a</loc></url>'.repeat(50_001)), 'more than 50000 entries'],
    ['a bomb', gzipSync(Buffer.alloc(60 * 1024 ** 2, ' ')), 'more than 52428800 bytes'],
  ])('that is %s fails at once', async (_, content, message) => {
    await expect(read(content)).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining(message),
    });
  });

  it('that cannot be read to its end for another reason tells that', async () => {
    async function* broken(start: Uint8Array): AsyncGenerator<Uint8Array> {
      yield start;
      throw new Error('the network is down');
    }
    for (const start of [Buffer.from('<urlset>'), gzipSync('<urlset>').subarray(0, 15)]) {
      await expect(collect(readSitemap(broken(start)))).rejects.toMatchObject({
        name: 'Error',
        message: 'the network is down',
      });
    }
  });
});
