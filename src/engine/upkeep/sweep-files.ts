import { createId, isId } from '../../shared/ids.ts';
import type { ListedOwner } from '../../storage/storage.ts';
import type { Engine } from '../engine.ts';
import { removeJobFiles } from '../files.ts';

const BATCH = 500;
const INTERVAL_MS = 3_600_000;
/** Much longer than an installation takes to mark a storage that it begins to use, and an upload to be recorded. */
const MIN_AGE_MS = 86_400_000;
const INSTALLATION_SETTING = 'installation_id';

/**
 * Removes files whose job or upload is gone: what was left when a process died in between. Leaves a storage alone that other
 * installations use too: what they have is not in this record.
 * @returns milliseconds until it wants to be called again
 */
export async function sweepFiles(engine: Engine): Promise<number> {
  try {
    if (!(await isOurs(engine))) return INTERVAL_MS;
    let batch: ListedOwner[] = [];
    for await (const owner of engine.storage.list()) {
      if (isId(owner.id)) batch.push(owner);
      if (batch.length < BATCH) continue;
      await sweepBatch(engine, batch);
      batch = [];
    }
    await sweepBatch(engine, batch);
  } catch (error) {
    engine.log.warn('files of jobs that are gone could not be looked for', { error });
  }
  return INTERVAL_MS;
}

async function isOurs({ store, storage, log }: Engine): Promise<boolean> {
  const others = await storage.mark(await store.settings.getOrCreate(INSTALLATION_SETTING, createId));
  if (others.length === 0) return true;
  log.info('the file storage is used by other installations too: files whose job is gone are not looked for', {
    others,
  });
  return false;
}

async function sweepBatch(engine: Engine, batch: readonly ListedOwner[]): Promise<void> {
  if (batch.length === 0) return;
  const gone = new Set(await engine.store.retention.findGone(batch.map(({ id }) => id)));
  const old: ListedOwner[] = [];
  for (const owner of batch.filter(({ id }) => gone.has(id))) {
    const changed = await owner.findLastChange(); // undefined: somebody else has removed them
    if (changed !== undefined && Date.now() - changed.getTime() > MIN_AGE_MS) old.push(owner);
  }
  await removeJobFiles(engine, old);
  const tenants = [...new Set(old.map(({ tenant }) => tenant))];
  if (old.length > 0) engine.log.info('removed files of jobs that are gone', { tenants, jobs: old.length });
}
