import { AppError } from '../shared/errors.ts';
import { type FileKey, parseFileKey } from '../shared/file-keys.ts';
import type { FileAddress, FileFacts, FileOwner } from '../storage/storage.ts';
import type { FileRow } from '../store/files.ts';
import type { Caller, Engine } from './engine.ts';

/** Each asks a bucket at least once, also for a job that has made nothing. */
const REMOVALS_AT_ONCE = 32;

/** A file that lies in the storage, and where. */
export interface FoundFile {
  address: FileAddress;
  facts: FileFacts;
}

/**
 * Finds a file that a job has made, or that was uploaded. Who may see the job may have its files.
 * @throws NOT_FOUND, also for a file of another tenant
 */
export async function findFile(engine: Engine, caller: Caller, key: string): Promise<FoundFile> {
  const { id, name } = requireKey(key);
  const row = await engine.store.files.get(caller.scope, id, name);
  if (row) refuseExpired(row, key);
  const owner = row?.isUpload ? row : await engine.store.jobs.get(caller.scope, id);
  if (!owner) throw new AppError('NOT_FOUND', `there is no file ${key}: its job, or the upload, is not there`);
  const address = { tenant: owner.tenant, id, name };
  const facts = await engine.storage.stat(address);
  if (facts) return { address, facts };
  throw new AppError('NOT_FOUND', describeMissing(engine, key, row));
}

/** @throws NOT_FOUND for what no file can be called */
export function requireKey(key: string): FileKey {
  const parsed = parseFileKey(key);
  if (parsed) return parsed;
  throw new AppError('NOT_FOUND', `there is no file ${key}: a key is the id of a job or an upload, "-", and a name`);
}

// By the clock of this machine: an hour more or less matters to nobody, and the row goes by that of the database.
function refuseExpired({ expiresAt, removedAt }: FileRow, key: string): void {
  if (removedAt === null && (expiresAt === null || expiresAt.getTime() > Date.now())) return;
  const since = expiresAt === null ? '' : ` at ${expiresAt.toISOString()}`;
  throw new AppError('NOT_FOUND', `the file ${key} has expired${since}`);
}

function describeMissing({ storage }: Engine, key: string, row: FileRow | undefined): string {
  const missing = `there is no file ${key} here`;
  if (row?.isUpload) return `${missing}: its content is gone from the storage`;
  const isLocal = storage.settings.kind === 'local';
  const elsewhere = isLocal ? 'STORAGE_DIR; the API and all workers must share one' : 'STORAGE_URL';
  return `${missing}: job ${key.slice(0, 36)} has not made it, or its worker has another ${elsewhere}`;
}

/**
 * Removes the files of jobs that are gone, once that is committed. What cannot be removed is left to the sweep.
 * @see sweepFiles
 */
export async function removeJobFiles(engine: Engine, jobs: readonly FileOwner[]): Promise<void> {
  const faults: unknown[] = [];
  for (let begin = 0; begin < jobs.length; begin += REMOVALS_AT_ONCE) {
    const some = jobs.slice(begin, begin + REMOVALS_AT_ONCE);
    const removals = await Promise.allSettled(some.map(async (owner) => engine.storage.removeAll(owner)));
    faults.push(...removals.flatMap((removal) => (removal.status === 'rejected' ? [removal.reason as unknown] : [])));
  }
  if (faults.length === 0) return;
  engine.log.warn('files of removed jobs could not be removed; they will be tried again', {
    jobs: faults.length,
    error: faults[0],
  });
}
