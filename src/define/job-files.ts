import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FILES_PATH, isFileName, parseFileKey, toFileKey, toKey } from '../shared/file-keys.ts';
import { folderOfJob, isFile } from '../shared/job-folders.ts';
import { NonRetryableError } from './errors.ts';
import type { JobFiles } from './files.ts';

export interface JobFilesOptions {
  /** STORAGE_DIR; absolute. */
  storageDir: string;
  /** What URLs begin with; undefined: they are relative. */
  publicUrl: string | undefined;
  job: { id: string; tenant: string };
  /** The fence of the run: a newer run has a larger one. */
  run: number;
  signal: AbortSignal;
}

/** The files of one run of a job. */
export function createJobFiles(options: JobFilesOptions): JobFiles {
  const { storageDir, publicUrl = '', job, run, signal } = options;
  let cleaned: Promise<void> | undefined;
  return {
    async create(name, content) {
      signal.throwIfAborted();
      checkName(name);
      const folder = folderOfJob(storageDir, job.tenant, job.id);
      await mkdir(folder, { recursive: true });
      cleaned ??= removeLeftovers(folder, run);
      await cleaned;
      const bytes = await replaceFile(folder, name, content, { run, signal });
      const key = toFileKey({ jobId: job.id, name });
      return { key, url: `${publicUrl}${FILES_PATH}${key}`, bytes };
    },

    async locate(keyOrUrl) {
      const key = toKey(keyOrUrl);
      const address = parseFileKey(key);
      if (!address) throw new NonRetryableError(`"${keyOrUrl}" is neither the key nor the URL of a job's file`);
      const path = join(folderOfJob(storageDir, job.tenant, address.jobId), address.name);
      if (await isFile(path)) return path;
      throw new NonRetryableError(
        `there is no file ${key} here: it was removed with its job, belongs to another tenant, or was made by a ` +
          'worker with another STORAGE_DIR',
      );
    },
  };
}

function checkName(name: string): void {
  if (isFileName(name)) return;
  const allowed = 'letters, digits, ".", "_" and "-", at most 100, the first a letter or digit';
  throw new NonRetryableError(`${JSON.stringify(name)} cannot be the name of a file; allowed: ${allowed}`);
}

/**
 * Writes to a temporary name, flushes and renames, so that the name only ever holds a whole file.
 * @returns its size in bytes
 */
async function replaceFile(
  folder: string,
  name: string,
  content: Parameters<JobFiles['create']>[1],
  { run, signal }: Pick<JobFilesOptions, 'run' | 'signal'>,
): Promise<number> {
  // It keeps the ending, by which programs choose the format that they write.
  const partial = join(folder, `.${run}.${randomUUID()}.${name}`);
  try {
    if (typeof content === 'function') await content(partial);
    else await writeFile(partial, content, { flag: 'wx' });
    const bytes = await flush(partial, name);
    // A run that is over must not replace what a newer one has made.
    signal.throwIfAborted();
    await rename(partial, join(folder, name));
    return bytes;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function flush(partial: string, name: string): Promise<number> {
  if (!(await isFile(partial)))
    throw new Error(`the function has written no file for ${name} to the path it was given`);
  const file = await open(partial, 'r+');
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

// Of killed runs; a newer run than this one may be writing beside it.
async function removeLeftovers(folder: string, run: number): Promise<void> {
  const leftovers = (await readdir(folder)).filter((name) => {
    const writer = /^\.(\d+)\./.exec(name)?.[1];
    return writer !== undefined && Number(writer) < run;
  });
  await Promise.all(leftovers.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}
