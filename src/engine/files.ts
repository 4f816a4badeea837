import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../shared/errors.ts';
import { parseFileKey } from '../shared/file-keys.ts';
import { folderOfJob, isFile } from '../shared/job-folders.ts';
import type { JobRow } from '../store/job-row.ts';
import type { Caller, Engine } from './engine.ts';
import { requireJob } from './inquire.ts';

/** Where a file lies: a folder of one job alone, and its name in it. */
export interface FoundFile {
  folder: string;
  name: string;
}

/**
 * Finds a file that a job has made. Who may see the job may have its files.
 * @throws NOT_FOUND, also for a file of another tenant's job
 */
export async function findFile(engine: Engine, caller: Caller, key: string): Promise<FoundFile> {
  const address = parseFileKey(key);
  if (!address) throw new AppError('NOT_FOUND', `there is no file ${key}: a key is the id of a job, "-", and a name`);
  const { name } = address;
  const job = await requireJob(engine, caller, address.jobId);
  const folder = folderOfJob(engine.settings.storageDir, job.tenant, job.id);
  if (await isFile(join(folder, name))) return { folder, name };
  throw new AppError(
    'NOT_FOUND',
    `there is no file ${key} here: job ${job.id} has not made it, or its worker has another STORAGE_DIR; ` +
      'the API and all workers must share one',
  );
}

/**
 * Removes the files of jobs that are gone, once that is committed. What cannot be removed is left to the sweep.
 * @see sweepFiles
 */
export async function removeJobFiles(engine: Engine, jobs: readonly Pick<JobRow, 'id' | 'tenant'>[]): Promise<void> {
  const { storageDir } = engine.settings;
  const removals = await Promise.allSettled(
    jobs.map(({ id, tenant }) => rm(folderOfJob(storageDir, tenant, id), { recursive: true, force: true })),
  );
  const faults = removals.flatMap((removal) => (removal.status === 'rejected' ? [removal.reason as unknown] : []));
  if (faults.length === 0) return;
  engine.log.warn('files of removed jobs could not be removed; they will be tried again', {
    jobs: faults.length,
    error: faults[0],
  });
}
