import { createHash } from 'node:crypto';
import type { EnqueueInput } from '../contract/enqueue.ts';

/** Jobs of one request, with the lines that they stand in. */
export interface Chunk {
  /** Its first line, from 1. */
  firstLine: number;
  lastLine: number;
  jobs: { line: number; job: EnqueueInput }[];
  /** Lines that are not JSON: they are not sent. */
  broken: { line: number; message: string }[];
  /** The same for the same lines at the same place, whenever they are read. */
  key: string;
}

const CHUNK_LINES = 1_000;
/** Half of what a server takes by default (MAX_BODY_BYTES), in characters: some take two bytes and more. */
const CHUNK_CHARACTERS = 500_000;

/**
 * Cuts lines of JSON into requests. Where a cut lies depends on the lines alone, so that a file that is read again is cut
 * alike; empty lines are passed over.
 * @param from the first line that counts, from 1
 */
export async function* cutIntoChunks(
  lines: AsyncIterable<string>,
  { from = 1, salt = '' }: { from?: number | undefined; salt?: string | undefined } = {},
): AsyncGenerator<Chunk, void, undefined> {
  let texts: string[] = [];
  let characters = 0;
  let line = 0;
  for await (const text of lines) {
    line += 1;
    if (line < from) continue;
    if (texts.length === CHUNK_LINES || (texts.length > 0 && characters + text.length > CHUNK_CHARACTERS)) {
      yield toChunk(texts, line - texts.length, salt);
      texts = [];
      characters = 0;
    }
    texts.push(text);
    characters += text.length;
  }
  if (texts.length > 0) yield toChunk(texts, line - texts.length + 1, salt);
}

function toChunk(texts: readonly string[], firstLine: number, salt: string): Chunk {
  const chunk: Chunk = {
    firstLine,
    lastLine: firstLine + texts.length - 1,
    jobs: [],
    broken: [],
    key: `bulk-${createHash('sha256')
      .update(JSON.stringify([salt, firstLine, texts]))
      .digest('hex')}`,
  };
  for (const [index, text] of texts.entries()) {
    const line = firstLine + index;
    const json = line === 1 ? text.replace(/^\uFEFF/, '') : text;
    if (json.trim() === '') continue;
    try {
      chunk.jobs.push({ line, job: JSON.parse(json) as EnqueueInput });
    } catch (error) {
      chunk.broken.push({ line, message: `is not JSON: ${(error as Error).message}` });
    }
  }
  return chunk;
}
