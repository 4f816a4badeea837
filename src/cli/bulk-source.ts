import { createReadStream, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { CliContext } from './context.ts';
import { UsageError } from './exit-codes.ts';

export interface LineSource {
  readonly lines: AsyncIterable<string>;
  /** Undefined for standard input. */
  readonly totalBytes: number | undefined;
  readonly readBytes: number;
  close(): void;
}

/** Reads a file, or `-` for standard input, line by line. @throws UsageError for a file that cannot be read */
export function openLines(cli: Pick<CliContext, 'cwd' | 'openStdin'>, file: string): LineSource {
  const path = resolve(cli.cwd, file);
  const totalBytes = file === '-' ? undefined : measureFile(path);
  const stream = file === '-' ? cli.openStdin() : createReadStream(path);
  let readBytes = 0;
  stream.on('data', (chunk: Buffer | string) => {
    readBytes += chunk.length;
  });
  stream.pause(); // until somebody reads lines
  return {
    lines: readLines(stream),
    totalBytes,
    get readBytes() {
      return readBytes;
    },
    close: () => void stream.destroy(),
  };
}

async function* readLines(input: NodeJS.ReadableStream): AsyncGenerator<string, void, undefined> {
  yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

function measureFile(path: string): number {
  try {
    const stats = statSync(path);
    if (stats.isFile()) return stats.size;
  } catch {
    // said below
  }
  throw new UsageError(`${path} is not a file that can be read`);
}
