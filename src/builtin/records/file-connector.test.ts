import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ConnectorPage } from '../../define/connector.ts';
import { fileConnector } from './file-connector.ts';

const LINES = Array.from({ length: 25 }, (_, index) => `${JSON.stringify({ id: index })}\n`).join('');

interface Source {
  content: Uint8Array | string;
  headers?: Record<string, string>;
  /** Bytes of each chunk. */
  chunk?: number;
}

async function read({ content, headers = {}, chunk = 7 }: Source, cursor: unknown = null, parameters = {}) {
  const bytes = Buffer.from(content);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += chunk) controller.enqueue(bytes.subarray(at, at + chunk));
      controller.close();
    },
  });
  const quiet = () => undefined;
  const pages: ConnectorPage[] = [];
  const run = {
    parameters: fileConnector.parametersSchema.parse({
      url: 'https://x.example.com/a',
      format: 'jsonl',
      ...parameters,
    }),
    cursor,
    pageSize: 10,
    fetch: async () => new Response(body, { headers }),
    secret: () => '',
    signal: new AbortController().signal,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    tenant: 'acme',
  };
  for await (const page of fileConnector.pages(run)) pages.push(page);
  return pages;
}
const idsOf = (pages: ConnectorPage[]) => pages.flatMap(({ records }) => records.map(({ id }) => Number(id)));

describe('the connector "file"', () => {
  const headers = { etag: '"v1"' };

  it('gives pages with the place behind each, also where chunks end within a character', async () => {
    const pages = await read({ content: LINES.replace('{"id":3}', '{"id":3,"text":"🚀é"}'), headers, chunk: 1 });
    expect(pages.map(({ records, cursor }) => [records.length, cursor])).toEqual([
      [10, { index: 10, version: '"v1"' }],
      [10, { index: 20, version: '"v1"' }],
      [5, null],
    ]);
    expect(pages[0]?.records[3]?.data).toEqual({ id: 3, text: '🚀é' });
  });

  it('goes on behind what is stored while the file is the same', async () => {
    const pages = await read({ content: LINES, headers }, { index: 10, version: '"v1"' });
    expect(idsOf(pages)).toEqual(Array.from({ length: 15 }, (_, index) => index + 10));
    expect(pages.some(({ isAnew }) => isAnew)).toBe(false);
    const same = { content: LINES, headers: { 'last-modified': 'Mon, 01 Jan 2030 00:00:00 GMT' } };
    expect(idsOf(await read(same, { index: 20, version: 'Mon, 01 Jan 2030 00:00:00 GMT' }))).toHaveLength(5);
  });

  it('begins anew where the file has changed, or the server does not say', async () => {
    for (const given of [{ etag: '"v2"' }, {}] as Record<string, string>[]) {
      const pages = await read({ content: LINES, headers: given }, { index: 10, version: given.etag ? '"v1"' : '' });
      expect(idsOf(pages)).toHaveLength(25);
      expect(pages.map(({ isAnew }) => isAnew)).toEqual([true, undefined, undefined]);
    }
    const emptied = await read({ content: '', headers: { etag: '"v2"' } }, { index: 10, version: '"v1"' });
    expect(emptied).toEqual([{ records: [], cursor: null, isAnew: true }]);
  });

  it('unpacks what is compressed, in as many parts as there are', async () => {
    const parts = Buffer.concat([gzipSync(LINES.slice(0, 50)), gzipSync(LINES.slice(50))]);
    expect(idsOf(await read({ content: parts, chunk: 1 }))).toHaveLength(25);
    const cut = gzipSync(LINES).subarray(0, -12);
    await expect(read({ content: cut })).rejects.toThrow('cannot be unpacked');
  });

  it.each([
    ['no JSON', '{"id":1}\n{', {}, 'line 2 of the file is no JSON'],
    ['no object', '[1]', {}, 'no JSON object'],
    ['no id', '{"a":1}', {}, 'could be its id'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 'no UTF-8'],
    ['a line without end', `"${'x'.repeat(1024 ** 2 + 1)}`, {}, 'longer than'],
    ['ragged CSV', 'id,a\n1,2,3\n', { format: 'csv' }, 'no CSV'],
    ['CSV without end', `id,a\n1,"${'x'.repeat(1024 ** 2 + 1)}`, { format: 'csv' }, 'no CSV'],
  ])('fails at once at %s', async (_, content, parameters, message) => {
    const failing = read({ content, chunk: 65_536 }, null, parameters);
    await expect(failing).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: expect.stringContaining(message),
    });
  });

  it('refuses a cursor of something else', async () => {
    await expect(read({ content: LINES }, { at: 1 })).rejects.toThrow('the cursor is none of');
  });
});
