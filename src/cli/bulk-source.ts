import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { CliContext } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { findStateFolder } from './places.ts';

/** A file of jobs whose content is known by its hash. */
export interface BulkSource extends AsyncDisposable {
  path: string;
  bytes: number;
  /** SHA-256 of all of it. */
  hash: string;
}

/**
 * Looks at all of a file, so that what is sent of it can be told apart from what is sent of any other. What can be read
 * only once, as a pipe, is copied first.
 * @throws UsageError for a file that is empty or cannot be read
 */
export async function openBulkSource(
  cli: Pick<CliContext, 'cwd' | 'environment' | 'openStdin'>,
  file: string,
  signal: AbortSignal,
): Promise<BulkSource> {
  const name = file === '-' ? 'standard input' : file;
  const path = resolve(cli.cwd, file);
  try {
    const isCopied = file === '-' || !(await stat(path)).isFile();
    const copy = isCopied
      ? await copyStream(cli, file === '-' ? cli.openStdin() : createReadStream(path), signal)
      : path;
    const dispose = () => (isCopied ? rm(copy, { force: true }) : Promise.resolve());
    const { hash, bytes } = await hashFile(copy, signal);
    if (bytes > 0) return { path: copy, bytes, hash, [Symbol.asyncDispose]: dispose };
    await dispose();
  } catch (cause) {
    if (signal.aborted) throw cause;
    const { code, syscall } = cause as NodeJS.ErrnoException;
    throw syscall === undefined ? cause : new UsageError(`${name} cannot be read: ${code}`, { cause });
  }
  throw new UsageError(`${name} is empty: a line for each job is expected, e.g. {"type":"hello","input":{}}`);
}

async function copyStream(
  { environment }: Pick<CliContext, 'environment'>,
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<string> {
  const folder = findStateFolder(environment) ?? tmpdir();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `bulk-${randomUUID()}.ndjson`);
  try {
    await pipeline(stream, createWriteStream(path, { mode: 0o600, flags: 'wx' }), { signal });
    return path;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function hashFile(path: string, signal: AbortSignal): Promise<Pick<BulkSource, 'hash' | 'bytes'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of createReadStream(path, { signal })) {
    hash.update(part);
    bytes += part.length;
  }
  return { hash: hash.digest('hex'), bytes };
}
