import { lstat } from 'node:fs/promises';
import { join } from 'node:path';

/** Holds a folder of each tenant, and that one of each job which has made files. Hidden, so that no job reads it by a path. */
export function folderOfAllJobs(storageDir: string): string {
  return join(storageDir, '.jobs');
}

/** The files of one job, and nothing else: it is removed with the job. */
export function folderOfJob(storageDir: string, tenant: string, jobId: string): string {
  return join(folderOfAllJobs(storageDir), tenant, jobId);
}

/** Whether a file lies there. Not the target of a symbolic link, which could lie anywhere. */
export async function isFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(ignoreMissing))?.isFile() ?? false;
}

function ignoreMissing(error: unknown): undefined {
  const { code } = error as { code?: unknown };
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
