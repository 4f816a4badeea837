/** A line of a file: its text without the line break, or why it has none. */
export interface Line {
  /** From 1. */
  number: number;
  /** Where the next line begins, in bytes. */
  end: number;
  text: string | undefined;
  fault: string | undefined;
}

/** Where to go on in a file. */
export interface LinePlace {
  /** Lines before it. */
  line: number;
  offset: number;
}

/** What the memory holds of one line at most, in bytes. */
const LINE_MAX = 16_000_000;
const LINE_BREAK = 0x0a;

/** Takes bytes apart into lines, in memory that no file can exceed; the last one needs no line break. */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  { line: linesBefore, offset }: LinePlace = { line: 0, offset: 0 },
): AsyncGenerator<Line, void, undefined> {
  let number = linesBefore;
  let end = offset;
  let parts: Uint8Array[] = [];
  let length = 0;
  const add = (bytes: Uint8Array) => {
    length += bytes.length;
    end += bytes.length;
    if (length <= LINE_MAX) parts.push(bytes);
    else parts = [];
  };
  const take = (): Line => {
    number += 1;
    const content = length <= LINE_MAX ? decode(parts) : { fault: `is longer than ${LINE_MAX} bytes` };
    parts = [];
    length = 0;
    return { number, end, text: undefined, fault: undefined, ...content };
  };
  for await (const chunk of source) {
    let start = 0;
    for (let at = chunk.indexOf(LINE_BREAK); at !== -1; at = chunk.indexOf(LINE_BREAK, start)) {
      add(chunk.subarray(start, at));
      end += 1;
      yield take();
      start = at + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

function decode(parts: readonly Uint8Array[]): { text: string } | { fault: string } {
  try {
    // Some editors begin a file with a byte order mark, which the decoder takes off.
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)) };
  } catch {
    return { fault: 'is not UTF-8' };
  }
}
