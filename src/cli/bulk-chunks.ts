import { BULK_LIMIT } from '../contract/bulk.ts';
import type { EnqueueInput } from '../contract/enqueue.ts';
import type { Line, LinePlace } from './bulk-lines.ts';
import { UsageError } from './exit-codes.ts';
import { parseJson } from './json-input.ts';

/** A line that became no job, and why. */
export interface RejectedLine {
  line: number;
  errors: readonly { path: string; message: string }[];
  /** The line itself, where it could be read. */
  text: string | undefined;
}

/** A job as a line says it; whether it is one, the server says. */
export interface ChunkJob {
  line: number;
  job: EnqueueInput;
  text: string;
}

/** What goes into one request. The same file always has the same chunks. */
export interface Chunk {
  jobs: ChunkJob[];
  /** Lines that are no JSON. */
  rejected: RejectedLine[];
  /** Where the next chunk begins. */
  end: LinePlace;
}

/** A request stays far below what servers accept at once (16 times MAX_BODY_BYTES). */
const CHUNK_MAX_CHARACTERS = 4_000_000;

/** Blank lines are no jobs; a chunk of which every line is broken has none either. */
export async function* readChunks(lines: AsyncIterable<Line>): AsyncGenerator<Chunk, void, undefined> {
  let chunk: Chunk = { jobs: [], rejected: [], end: { line: 0, offset: 0 } };
  let characters = 0;
  for await (const line of lines) {
    chunk.end = { line: line.number, offset: line.end };
    const { text = '' } = line;
    if (line.fault === undefined && text.trim() === '') continue;
    readLine(chunk, line);
    characters += text.length;
    if (chunk.jobs.length + chunk.rejected.length < BULK_LIMIT && characters < CHUNK_MAX_CHARACTERS) continue;
    yield chunk;
    chunk = { jobs: [], rejected: [], end: chunk.end };
    characters = 0;
  }
  if (chunk.jobs.length + chunk.rejected.length > 0) yield chunk;
}

function readLine(chunk: Chunk, { number, text, fault }: Line): void {
  const reject = (message: string) => chunk.rejected.push({ line: number, errors: [{ path: '', message }], text });
  if (text === undefined) return void reject(fault ?? 'cannot be read');
  try {
    chunk.jobs.push({ line: number, job: parseJson(text, 'it') as EnqueueInput, text });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const [first = ''] = error.message.split('\n');
    reject(first.replace(/^it /, '').replace('(line 1, ', '('));
  }
}
