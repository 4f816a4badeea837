import { pipeline } from 'node:stream/promises';
import type { JobContext } from '../define/context.ts';
import type { StoredFile } from '../define/files.ts';
import { codecs } from './file-codecs.ts';
import { createMeter, type Meter } from './file-meter.ts';
import { createReporter, formatBytes } from './file-progress.ts';
import type { FileInput, FileOutput } from './file-schema.ts';
import { type FileSource, openSource, toSafeName } from './file-source.ts';
import { writeLentPieces } from './lent-pieces.ts';

/** Keeps a file as one of the job, compressed where the input says so. */
export async function storeFile(input: FileInput, ctx: JobContext): Promise<FileOutput> {
  const source = await openSource(input.source ?? '', ctx);
  try {
    const { checksum, compress, maxBytes, expiresInMs } = input;
    // The name depends on the input alone: another attempt replaces the file instead of adding one.
    const name = toSafeName(input.name ?? source.name) + (compress ? codecs[compress].suffix : '');
    const onBytes = createReporter(ctx, source.totalBytes);
    const meter = createMeter({ algorithm: checksum, maxBytes, onBytes });
    const file = await keep(name, source, meter, { compress, expiresInMs }, ctx);
    const measured = await meter.finish();
    ctx.progress(100, `${formatBytes(measured.bytes)} stored as ${file.key}`);
    ctx.log.info(`stored ${file.key}: ${formatBytes(measured.bytes)} of ${measured.mimeType}`, { ...measured });
    const { key, url, bytes: storedBytes } = file;
    const path = await findPath(key, ctx);
    const described = { checksumAlgorithm: checksum, compression: compress ?? null };
    return { operation: 'store', key, url, path, storedBytes, ...measured, ...described };
  } finally {
    await source.close();
  }
}

async function keep(
  name: string,
  { content, lendPieces }: FileSource,
  meter: Meter,
  { compress, expiresInMs }: Pick<FileInput, 'compress' | 'expiresInMs'>,
  { files, signal }: JobContext,
): Promise<StoredFile> {
  const options = { expiresInMs };
  if (compress === undefined) {
    if (!lendPieces || !files.isLocal) return files.create(name, meter.pass(content), options);
    return files.create(name, (path) => writeLentPieces(path, meter.pass(lendPieces()), signal), options);
  }
  try {
    const create = (packed: AsyncIterable<Uint8Array>) => files.create(name, packed, options);
    return await pipeline(meter.pass(content), codecs[compress].create(), create, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/** @returns null where files do not lie on this machine */
export async function findPath(key: string, { files }: JobContext): Promise<string | null> {
  return files.isLocal ? files.locate(key) : null;
}
