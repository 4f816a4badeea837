import { randomUUID } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FileContent } from '../define/files.ts';
import { ignoreMissing, isFile } from './job-folders.ts';

export interface ReplaceOptions {
  /** Begins the name of what is not whole yet; hidden. */
  prefix: string;
  signal: AbortSignal;
  onWhole: (bytes: number) => Promise<void>;
}

/**
 * Writes to a temporary name, flushes and renames, so that the path only ever holds a whole file.
 * @returns its size in bytes
 */
export async function replaceFile(path: string, content: FileContent, options: ReplaceOptions): Promise<number> {
  const { prefix, signal, onWhole } = options;
  // It keeps the ending, by which programs choose the format that they write.
  const partial = join(dirname(path), `${prefix}${randomUUID()}.${basename(path)}`);
  try {
    await writeContent(partial, content, signal);
    const bytes = await flush(partial, basename(path));
    signal.throwIfAborted();
    await onWhole(bytes);
    // A run that is over must not replace what a newer one has made.
    signal.throwIfAborted();
    await rename(partial, path);
    return bytes;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Writes to a path where nothing is yet; what is there after a failure is the caller's to remove. */
export async function writeContent(path: string, content: FileContent, signal: AbortSignal): Promise<void> {
  if (typeof content === 'function') await content(path);
  else if (isStream(content)) await pipeline(content, createWriteStream(path, { flags: 'wx' }), { signal });
  else await writeFile(path, content, { flag: 'wx' });
}

export function isStream(content: FileContent): content is AsyncIterable<Uint8Array> {
  return typeof content === 'object' && Symbol.asyncIterator in content;
}

/** @returns undefined when no file lies there, but something else or nothing */
export async function openForReading(path: string): Promise<FileHandle | undefined> {
  if (!(await isFile(path))) return undefined;
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(ignoreMissing);
}

async function flush(partial: string, name: string): Promise<number> {
  await requireFile(partial, name);
  const file = await open(partial, 'r+');
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/** @throws when a function has written nothing, or something else than a file */
export async function requireFile(path: string, name: string): Promise<void> {
  if (!(await isFile(path))) throw new Error(`the function has written no file for ${name} to the path it was given`);
}
