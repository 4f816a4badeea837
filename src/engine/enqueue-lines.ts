import { AppError, isAppError } from '../shared/errors.ts';
import { deriveLineId } from '../shared/ids.ts';
import type { Caller, Engine } from './engine.ts';
import { type BulkPart, checkPart, recordParts } from './enqueue-bulk.ts';
import { LineTally } from './line-tally.ts';

/** A job of a stream: its place, its text as far as it is one, and what was made of that. */
export interface StreamedPart {
  index: number;
  text: string;
  part: BulkPart;
}

/** Jobs that share a statement: so many, or those that are so long together. */
export const CHUNK_JOBS = 500;
export const CHUNK_BYTES = 1_048_576;
/** Chunks that are checked and recorded at the same time; meanwhile no more is read. */
const LANES = 3;

/**
 * Accepts a stream of jobs of any length, in chunks: a few are under way, and no more is read until one is committed.
 * @param seed with the place and the text of each line its id follows from it, so that a stream which is sent again finds the jobs
 * that it has made, and a line that was changed makes one of its own
 * @throws STREAM_INTERRUPTED when the stream broke off or the database went away: what was committed stays
 */
export async function enqueueLines(
  engine: Engine,
  caller: Caller,
  seed: string,
  chunks: AsyncIterable<StreamedPart[]>,
  batchId: string | undefined,
): Promise<LineTally> {
  const tally = new LineTally();
  const underWay: ReturnType<typeof enqueueChunk>[] = [];
  try {
    for await (const chunk of chunks) {
      const task = enqueueChunk(engine, caller, { seed, chunk, batchId });
      task.catch(() => undefined); // thrown when its turn comes, or below
      underWay.push(task);
      if (underWay.length === LANES) await takeFirst(underWay, tally);
    }
    while (underWay.length > 0) await takeFirst(underWay, tally);
    return tally;
  } catch (error) {
    const hasBegun = tally.lines > 0 || underWay.length > 0;
    await Promise.allSettled(underWay);
    throw hasBegun ? toInterruption(error, tally) : error;
  }
}

// In the order of the stream, so that the answer is in it too.
async function takeFirst(underWay: ReturnType<typeof enqueueChunk>[], tally: LineTally): Promise<void> {
  const [first] = underWay;
  if (first) tally.add(await first);
  underWay.shift();
}

async function enqueueChunk(
  engine: Engine,
  caller: Caller,
  { seed, chunk, batchId }: { seed: string; chunk: readonly StreamedPart[]; batchId: string | undefined },
) {
  const checked = await Promise.all(
    chunk.map(({ index, text, part }) =>
      checkPart(engine, caller, part, {
        index,
        id: deriveLineId(seed, index, text),
        batchId,
        jsonBytes: text.length * 3,
      }),
    ),
  );
  return recordParts(engine, checked);
}

function toInterruption(cause: unknown, { lines }: LineTally): AppError {
  const why = isAppError(cause) ? cause.message : 'a job could not be recorded';
  const detail = `${why}; at least the first ${lines} jobs were taken, and what is committed stays: send the same stream again with its Idempotency-Key`;
  return new AppError('STREAM_INTERRUPTED', detail, { cause });
}
