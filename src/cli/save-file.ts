import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { UsageError } from './exit-codes.ts';

/** Saves the body of an answer; the file appears under its name only when all of it has arrived. @returns its size */
export async function saveFile(response: Response, path: string): Promise<number> {
  const partial = `${path}.partial`;
  const file = createWriteStream(partial);
  try {
    // The types of the platform and of Node describe the same stream.
    await pipeline(Readable.fromWeb(response.body as ReadableStream), file);
    await rename(partial, path);
    return file.bytesWritten;
  } catch (error) {
    await rm(partial, { force: true });
    throw toUsageError(error, path);
  }
}

function toUsageError(error: unknown, path: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall === undefined ? error : new UsageError(`${path} cannot be written: ${code}`, { cause: error });
}
