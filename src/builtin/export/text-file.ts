import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { QueryRow } from '../../define/queries.ts';

/** How rows become text. */
export interface TextFormat {
  /** What stands before the first row. */
  head: string;
  encode(rows: readonly QueryRow[]): string;
}

/** Writes batch by batch; a batch is asked for when the one before has been taken by the disk. */
export async function writeText(
  path: string,
  format: TextFormat,
  batches: AsyncIterable<readonly QueryRow[]>,
  { gzip, signal }: { gzip: boolean; signal: AbortSignal },
): Promise<void> {
  const source = Readable.from(encodeBatches(format, batches), { objectMode: true, highWaterMark: 1 });
  const file = createWriteStream(path, { flags: 'wx' });
  if (gzip) await pipeline(source, createGzip(), file, { signal });
  else await pipeline(source, file, { signal });
}

async function* encodeBatches(
  { head, encode }: TextFormat,
  batches: AsyncIterable<readonly QueryRow[]>,
): AsyncGenerator<Buffer> {
  if (head !== '') yield Buffer.from(head);
  for await (const rows of batches) yield Buffer.from(encode(rows));
}
