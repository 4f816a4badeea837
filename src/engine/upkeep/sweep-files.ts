import { opendir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createId, isId } from '../../shared/ids.ts';
import { folderOfAllJobs, folderOfJob } from '../../shared/job-folders.ts';
import type { Engine } from '../engine.ts';
import { removeJobFiles } from '../files.ts';

const BATCH = 500;
const INTERVAL_MS = 3_600_000;
/** Much longer than an installation takes to mark a folder that it begins to use. */
const MIN_AGE_MS = 86_400_000;
const INSTALLATION_SETTING = 'installation_id';
const MARK = '.used-by-';

/**
 * Removes files whose job is gone: what was left when a process died after it had removed the job. Leaves a storage alone
 * that other installations use too: their jobs are not in this record.
 * @returns milliseconds until it wants to be called again
 */
export async function sweepFiles(engine: Engine): Promise<number> {
  const root = folderOfAllJobs(engine.settings.storageDir);
  try {
    const tenants = await readdir(root);
    if (await isOurs(engine, root, tenants)) {
      for (const tenant of tenants.filter((name) => !name.startsWith('.'))) await sweepTenant(engine, root, tenant);
    }
  } catch (error) {
    const isUnused = (error as { code?: unknown }).code === 'ENOENT';
    if (!isUnused) engine.log.warn('files of jobs that are gone could not be looked for', { error });
  }
  return INTERVAL_MS;
}

async function isOurs(engine: Engine, root: string, names: readonly string[]): Promise<boolean> {
  const mark = MARK + (await engine.store.settings.getOrCreate(INSTALLATION_SETTING, createId));
  if (!names.includes(mark)) await writeFile(join(root, mark), '');
  const others = names.filter((name) => name.startsWith(MARK) && name !== mark);
  if (others.length === 0) return true;
  engine.log.info('STORAGE_DIR is used by other installations too: files whose job is gone are not looked for', {
    others: others.map((name) => join(root, name)),
  });
  return false;
}

async function sweepTenant(engine: Engine, root: string, tenant: string): Promise<void> {
  let ids: string[] = [];
  for await (const { name } of await opendir(join(root, tenant))) {
    if (isId(name)) ids.push(name);
    if (ids.length < BATCH) continue;
    await sweepBatch(engine, tenant, ids);
    ids = [];
  }
  if (ids.length > 0) await sweepBatch(engine, tenant, ids);
}

async function sweepBatch(engine: Engine, tenant: string, ids: readonly string[]): Promise<void> {
  const gone = await engine.store.retention.findGone(ids);
  const ages = await Promise.all(gone.map((id) => ageOf(folderOfJob(engine.settings.storageDir, tenant, id))));
  const old = gone.flatMap((id, index) => ((ages[index] ?? 0) > MIN_AGE_MS ? [{ id, tenant }] : []));
  await removeJobFiles(engine, old);
  if (old.length > 0) engine.log.info('removed files of jobs that are gone', { tenant, jobs: old.length });
}

async function ageOf(folder: string): Promise<number> {
  const found = await stat(folder).catch(() => undefined); // somebody else has removed it
  return found ? Date.now() - found.mtimeMs : 0;
}
