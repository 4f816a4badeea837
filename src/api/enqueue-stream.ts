import type { BulkAnswer } from '../contract/bulk.ts';
import { enqueueSchema } from '../contract/enqueue.ts';
import { checkBatchOf } from '../engine/batches/inquire.ts';
import { findInputFaults } from '../engine/check-request.ts';
import type { Engine } from '../engine/engine.ts';
import type { BulkPart } from '../engine/enqueue-bulk.ts';
import { CHUNK_BYTES, CHUNK_JOBS, enqueueLines, type StreamedPart } from '../engine/enqueue-lines.ts';
import { messageOf } from '../shared/failure.ts';
import { parseBody } from './body.ts';
import { type Line, readLines } from './read-lines.ts';
import type { Call, Reply } from './route.ts';

/**
 * Enqueues a stream of jobs, one in each line. It is answered at its end: only then is known what became of all of them.
 * @throws STREAM_INTERRUPTED, INVALID_REQUEST (nothing was stored), INVALID_FIELDS for a batch that there is not
 */
export async function enqueueStream(
  engine: Engine,
  { caller, query, seed, stream }: Call<{ batchId?: string | undefined }>,
): Promise<Reply> {
  await checkBatchOf(engine, caller, query.batchId);
  const lines = readLines(stream(), engine.settings.maxInputBytes);
  const tally = await enqueueLines(engine, caller, seed, readChunks(engine, lines), query.batchId);
  return { status: 200, json: { bytes: tally.bytes, write: () => tally.toJson() } };
}

/** Collects lines until they are worth a statement. */
async function* readChunks(engine: Engine, lines: AsyncIterable<Line>): AsyncGenerator<StreamedPart[]> {
  let chunk: Line[] = [];
  let bytes = 0;
  const parse = () => Promise.all(chunk.map((line) => parseLine(engine, line)));
  for await (const line of lines) {
    chunk.push(line);
    bytes += line.text === undefined ? 0 : line.bytes;
    if (chunk.length < CHUNK_JOBS && bytes < CHUNK_BYTES) continue;
    yield await parse();
    chunk = [];
    bytes = 0;
  }
  if (chunk.length > 0) yield await parse();
}

async function parseLine(engine: Engine, { index, text, fault }: Line): Promise<StreamedPart> {
  const reject = (message: string): StreamedPart => ({ index, text: '', part: toRejected(message) });
  if (text === undefined) return reject(fault ?? 'cannot be read');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return reject(`is not JSON: ${messageOf(error)}`);
  }
  const findMoreFaults = (body: unknown) => findInputFaults(engine, body);
  return { index, text, part: await parseBody(enqueueSchema, value, { findMoreFaults }) };
}

function toRejected(message: string): BulkPart {
  const faults: BulkAnswer['rejected'][number]['errors'] = [{ path: '', message }];
  return { ok: false, faults };
}
