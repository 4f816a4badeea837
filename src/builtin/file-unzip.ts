import { crc32 } from 'node:zlib';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import type { JobContext } from '../define/context.ts';
import { NonRetryableError } from '../define/errors.ts';
import { createReporter, formatBytes } from './file-progress.ts';
import type { FileInput, FileOutput, KeptFile } from './file-schema.ts';
import { toSafeName } from './file-source.ts';
import { findPath } from './file-store.ts';
import { openLocalCopy } from './local-copy.ts';
import { createUniqueNames } from './unique-names.ts';
import { createZipGuard, refuse } from './zip-guard.ts';

/**
 * Keeps each file of an archive as one of the job. It is read twice: all of it is checked, sizes and checksums too, before the
 * first file is kept.
 */
export async function unzipFile(input: FileInput, ctx: JobContext): Promise<FileOutput> {
  const copy = await openLocalCopy(input.source ?? '', input.maxBytes, ctx);
  try {
    const archive = await openArchive(copy.handle.fd);
    const entries = await readEntries(archive, copy.bytes, input);
    const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
    const reader = createReader(archive, createReporter(ctx, 2 * total), ctx);
    for (const entry of entries) await verify(entry, reader);
    const files = await keepAll(entries, reader, input, ctx);
    ctx.progress(100, `${files.length} files, ${formatBytes(total)}, unpacked`);
    return { operation: 'unzip', bytes: total, files };
  } finally {
    await copy.close();
  }
}

async function openArchive(fd: number): Promise<ZipFile> {
  try {
    return await fromFdPromise(fd, { autoClose: false, lazyEntries: true, strictFileNames: true });
  } catch (error) {
    throw explain(error);
  }
}

/** @returns the files, without folders */
async function readEntries(archive: ZipFile, archiveBytes: number, input: FileInput): Promise<Entry[]> {
  const guard = createZipGuard(archiveBytes, input);
  const entries: Entry[] = [];
  try {
    for await (const entry of archive.eachEntry()) {
      guard.check(entry);
      if (!entry.fileName.endsWith('/')) entries.push(entry);
    }
  } catch (error) {
    throw explain(error);
  }
  return entries;
}

type Reader = (entry: Entry) => AsyncGenerator<Uint8Array>;

/** Unpacks entries, and counts the bytes of all of them. */
function createReader(archive: ZipFile, report: (bytes: number) => void, { signal }: JobContext): Reader {
  let bytes = 0;
  return async function* read(entry) {
    try {
      // It ends with an error where the size is not the one that the directory says.
      const stream = await archive.openReadStreamPromise(entry);
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        signal.throwIfAborted();
        bytes += chunk.length;
        report(bytes);
        yield chunk;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw explain(error);
    }
  };
}

/** Unpacks an entry to nowhere. */
async function verify(entry: Entry, read: Reader): Promise<void> {
  let sum = 0;
  for await (const chunk of read(entry)) sum = crc32(chunk, sum);
  if (sum !== entry.crc32) throw refuse(`${JSON.stringify(entry.fileName)} is damaged: its checksum is another`);
}

async function keepAll(
  entries: readonly Entry[],
  read: Reader,
  { expiresInMs }: FileInput,
  ctx: JobContext,
): Promise<(KeptFile & { entry: string })[]> {
  const toUnique = createUniqueNames();
  const files: (KeptFile & { entry: string })[] = [];
  for (const entry of entries) {
    const name = toUnique(toSafeName(entry.fileName.replaceAll('/', '_')));
    const { key, url, bytes } = await ctx.files.create(name, read(entry), { expiresInMs });
    files.push({ entry: entry.fileName, name, key, url, path: await findPath(key, ctx), bytes });
  }
  return files;
}

// What yauzl and zlib say is of the archive; what the system says has a code of its own, and may be otherwise next time.
function explain(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof NonRetryableError || (code !== undefined && !code.startsWith('Z_'))) return error;
  return refuse(message, error);
}
