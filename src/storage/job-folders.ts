import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathOfOwner } from './addresses.ts';
import type { FileOwner } from './storage.ts';

/** Holds a folder of each tenant, and that one of each job which has made files. Hidden, so that no job reads it by a path. */
export function folderOfAllJobs(storageDir: string): string {
  return join(storageDir, '.jobs');
}

/** The files of one job or upload, and nothing else: it is removed with it. */
export function folderOfJob(storageDir: string, owner: FileOwner): string {
  return join(folderOfAllJobs(storageDir), pathOfOwner(owner));
}

/** Whether a file lies there. Not the target of a symbolic link, which could lie anywhere. */
export async function isFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(ignoreMissing))?.isFile() ?? false;
}

export function ignoreMissing(error: unknown): undefined {
  const { code } = error as { code?: unknown };
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
