import { describe, expect, it } from 'vitest';
import { readChunks } from './bulk-chunks.ts';
import { readLines } from './bulk-lines.ts';

async function* cut(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe('lines of a file', () => {
  const text = '\ufeff{"a":"é"}\n\n日本\r\nlast';

  it.each([1, 2, 3, 7, 1000])('are the same when it comes in parts of %i bytes', async (size) => {
    const lines = await collect(readLines(cut(text, size)));
    expect(lines.map((line) => line.text)).toEqual(['{"a":"é"}', '', '日本\r', 'last']);
    expect(lines.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    expect(lines.at(-1)?.end).toBe(Buffer.byteLength(text));
  });

  it('go on at the end of any of them', async () => {
    const all = await collect(readLines(cut(text, 5)));
    for (const [index, { number, end }] of all.entries()) {
      const rest = readLines(cut(Buffer.from(text).subarray(end), 5), { line: number, offset: end });
      expect(await collect(rest)).toEqual(all.slice(index + 1));
    }
  });

  it('are told when they are no text, or longer than memory should hold', async () => {
    const [broken, good] = await collect(readLines(cut(Buffer.from([0xff, 0x0a, 0x61]), 1)));
    expect([broken?.fault, good?.text]).toEqual(['is not UTF-8', 'a']);
    const long = `${'x'.repeat(16_000_001)}\n{}`;
    const [first, second] = await collect(readLines(cut(long, 65_536)));
    expect(first).toMatchObject({ text: undefined, fault: 'is longer than 16000000 bytes' });
    expect(second).toMatchObject({ text: '{}', number: 2, end: long.length });
  });
});

describe('chunks of a file', () => {
  const chunksOf = (text: string) => collect(readChunks(readLines(cut(text, 4096))));

  it('hold a thousand lines at most, whether they are jobs or not', async () => {
    const lines = Array.from({ length: 2_500 }, (_, index) => (index % 2 === 0 ? '{"type":"a"}' : '{'));
    const chunks = await chunksOf(lines.join('\n'));
    expect(chunks.map(({ jobs, rejected }) => [jobs.length, rejected.length])).toEqual([
      [500, 500],
      [500, 500],
      [250, 250],
    ]);
    expect(chunks.map(({ end }) => end.line)).toEqual([1000, 2000, 2500]);
  });

  it('end early where lines are long', async () => {
    const line = JSON.stringify({ type: 'a', input: 'x'.repeat(1_500_000) });
    expect((await chunksOf([line, line, line, line].join('\n'))).map(({ jobs }) => jobs.length)).toEqual([3, 1]);
  });

  it('say what is wrong with a line, and skip blank ones', async () => {
    const [chunk] = await chunksOf('\n{"type":"a"}\n  \n{"type":}\n');
    expect(chunk?.jobs.map(({ line }) => line)).toEqual([2]);
    expect(chunk?.rejected).toEqual([
      { line: 4, errors: [{ path: '', message: "is not JSON: Unexpected token '}' (column 9)" }], text: '{"type":}' },
    ]);
    expect(await chunksOf('\n \n')).toEqual([]);
  });
});
