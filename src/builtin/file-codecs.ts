import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib';

export const compressions = ['gzip', 'brotli', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

const PARTIAL = /^\..*\.partial$/;

const codecs = {
  gzip: { suffix: '.gz', create: () => createGzip() },
  // Brotli's default (11) is made for files that are packed once: it takes minutes for what 5 does in seconds.
  brotli: { suffix: '.br', create: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }) },
  zstd: { suffix: '.zst', create: () => createZstdCompress() },
} as const;

export function suffixOf(compression: Compression | undefined): string {
  return compression === undefined ? '' : codecs[compression].suffix;
}

/**
 * Writes content to a temporary name, flushes it and renames it, so that `path` only ever holds a whole file.
 * Removes what a killed run left in the folder, which must belong to one job alone.
 * @returns the bytes on disk
 * @throws whatever the content throws, or the signal's reason; nothing is left behind
 */
export async function storeFile(
  content: AsyncIterable<Uint8Array>,
  path: string,
  options: { compression: Compression | undefined; signal: AbortSignal },
): Promise<number> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  await removePartials(folder);
  const partial = join(folder, `.${randomUUID()}.partial`);
  try {
    const file = createWriteStream(partial, { flags: 'wx', flush: true });
    const { compression, signal } = options;
    if (compression === undefined) await pipeline(content, file, { signal });
    else await pipeline(content, codecs[compression].create(), file, { signal });
    const { size } = await stat(partial);
    options.signal.throwIfAborted();
    await rename(partial, path);
    return size;
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  } finally {
    await rm(partial, { force: true });
  }
}

async function removePartials(folder: string): Promise<void> {
  const leftovers = (await readdir(folder)).filter((name) => PARTIAL.test(name));
  await Promise.all(leftovers.map((name) => rm(join(folder, name), { force: true })));
}
