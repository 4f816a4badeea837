import { isUtf8 } from 'node:buffer';

/** A line that is not blank. `text` is undefined for one that is too long, or no UTF-8. */
export interface Line {
  /** Its place among such lines, from 0. */
  index: number;
  bytes: number;
  text: string | undefined;
  fault: string | undefined;
}

const NEWLINE = 0x0a;
/** What may stand around a line without counting: a byte order mark and CR. */
const AROUND_BYTES = 4;

/**
 * Cuts a stream of bytes into lines, of which it never holds more than `maxBytes` and a chunk. A byte order mark, CR before LF
 * and blank lines are passed over; the last line needs no end.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line> {
  let index = 0;
  let parts: Buffer[] = [];
  let bytes = 0;
  const keep = (part: Buffer) => {
    bytes += part.length;
    if (bytes <= maxBytes + AROUND_BYTES) parts.push(part);
    else parts = [];
  };
  const finish = (): Line | undefined => {
    const line = toLine(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts), { bytes, maxBytes });
    parts = [];
    bytes = 0;
    if (!line) return undefined;
    index += 1;
    return { index: index - 1, ...line };
  };
  for await (const chunk of chunks) {
    const data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, start)) {
      keep(data.subarray(start, end));
      start = end + 1;
      const line = finish();
      if (line) yield line;
    }
    if (start < data.length) keep(data.subarray(start));
  }
  const last = finish();
  if (last) yield last;
}

/** @param bytes how long it is, also where nothing of it was kept */
function toLine(
  content: Buffer,
  { bytes, maxBytes }: { bytes: number; maxBytes: number },
): Omit<Line, 'index'> | undefined {
  const tooLong = { bytes, text: undefined, fault: `is longer than ${maxBytes} bytes (MAX_BODY_BYTES)` };
  if (content.length < bytes) return tooLong;
  if (!isUtf8(content)) return { bytes, text: undefined, fault: 'is not UTF-8' };
  const text = content.toString().trim(); // a byte order mark is white space, too
  if (text === '') return undefined;
  return Buffer.byteLength(text) > maxBytes ? tooLong : { bytes, text, fault: undefined };
}
