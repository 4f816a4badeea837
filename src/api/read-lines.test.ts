import { describe, expect, it } from 'vitest';
import { type Line, readLines } from './read-lines.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function read(content: string | Buffer, size: number): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(inPieces(Buffer.from(content as string), size), 100)) lines.push(line);
  return lines;
}

const shown = (lines: Line[]) => lines.map(({ index, text, fault }) => ({ index, text: text ?? fault }));

describe.each([1, 3, 1000])('readLines, of a stream in pieces of %i bytes', (size) => {
  it('passes over a byte order mark, CR, blank lines and white space, and needs no last end of line', async () => {
    const lines = await read('\uFEFF{"ä":1}\r\n\n  \r\n\t[2] \n{"€":3}', size);
    expect(shown(lines)).toEqual([
      { index: 0, text: '{"ä":1}' },
      { index: 1, text: '[2]' },
      { index: 2, text: '{"€":3}' },
    ]);
  });

  it('tells which lines are too long, and reads on after them', async () => {
    const long = 'x'.repeat(101);
    const lines = await read(`1\n${long}\n${'y'.repeat(100)}\n${long.repeat(50)}\n3\n${long}`, size);
    const fault = 'is longer than 100 bytes (MAX_BODY_BYTES)';
    expect(shown(lines).map(({ text }) => text)).toEqual(['1', fault, 'y'.repeat(100), fault, '3', fault]);
  });

  it('tells which lines are no UTF-8', async () => {
    const lines = await read(
      Buffer.concat([Buffer.from('1\n'), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from('2')]),
      size,
    );
    expect(shown(lines).map(({ text }) => text)).toEqual(['1', 'is not UTF-8', '2']);
  });

  it('finds no lines in nothing', async () => {
    expect(await read('', size)).toEqual([]);
    expect(await read('\uFEFF\r\n\n', size)).toEqual([]);
  });
});
