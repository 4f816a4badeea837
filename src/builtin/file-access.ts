import type { BigIntStats } from 'node:fs';
import { constants, type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { NonRetryableError } from '../define/errors.ts';

export interface LocalFile {
  handle: FileHandle;
  /** Absolute, after symbolic links. */
  path: string;
  bytes: number;
}

const faults: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of the path is no folder',
  EACCES: 'may not be read: permission denied',
  EPERM: 'may not be read: permission denied',
  ELOOP: 'is a loop of symbolic links',
  ENAMETOOLONG: 'has too long a name',
  ENXIO: 'is not a regular file',
};

/**
 * Opens a file that lies below one of `roots`, also after symbolic links. Hidden files and folders below a root
 * (`.env`, `.git`) stay closed, unless a root names them.
 * @param source absolute, or relative to one of the roots: the first that has it
 * @throws NonRetryableError that says why the file cannot be read
 */
export async function openBelow(roots: readonly [string, ...string[]], source: string): Promise<LocalFile> {
  const path = await locate(roots, source);
  const realRoots = (await Promise.all(roots.map(findRealPath))).filter((root) => root !== undefined);
  // Before the file system is asked, so that the answer does not tell which files exist elsewhere.
  if (!isBelow([...roots.map((root) => resolve(root)), ...realRoots], path)) throw refuse(source, roots);
  let handle: FileHandle | undefined;
  try {
    const real = await realpath(path);
    if (!isBelow(realRoots, real)) throw refuse(source, roots);
    // O_NONBLOCK: opening a pipe must not wait for its writer.
    handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const stats = await handle.stat({ bigint: true });
    if (stats.isDirectory()) throw new NonRetryableError(`"${source}" is a folder, not a file`);
    if (!stats.isFile()) throw new NonRetryableError(`"${source}" is not a regular file`);
    await checkUnmoved(source, path, real, stats);
    return { handle, path: real, bytes: Number(stats.size) };
  } catch (error) {
    await handle?.close();
    throw explain(source, error);
  }
}

async function locate(roots: readonly [string, ...string[]], source: string): Promise<string> {
  for (const root of roots) {
    const path = resolve(root, source);
    if (isBelow([resolve(root)], path) && (await findRealPath(path)) !== undefined) return path;
  }
  return resolve(roots[0], source);
}

// A folder of the path may have become a link to elsewhere between the check and the opening.
async function checkUnmoved(source: string, path: string, real: string, opened: BigIntStats): Promise<void> {
  const now = await realpath(path);
  const found = await stat(now, { bigint: true });
  if (now !== real || found.ino !== opened.ino || found.dev !== opened.dev) {
    throw new Error(`"${source}" was replaced while it was opened`);
  }
}

function isBelow(roots: readonly string[], path: string): boolean {
  return roots.some((root) => {
    const below = relative(root, path);
    return !isAbsolute(below) && !below.split(sep).some((part) => part.startsWith('.'));
  });
}

async function findRealPath(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    return undefined; // a root that does not exist holds nothing to read
  }
}

function refuse(source: string, roots: readonly string[]): NonRetryableError {
  return new NonRetryableError(
    `"${source}" may not be read: jobs read files that lie, also after symbolic links, below ${roots.join(' or ')} ` +
      'and are not hidden; FILE_ROOTS adds folders',
  );
}

function explain(source: string, error: unknown): unknown {
  const fault = faults[String((error as { code?: unknown }).code)];
  return fault === undefined ? error : new NonRetryableError(`"${source}" ${fault}`, { cause: error });
}
