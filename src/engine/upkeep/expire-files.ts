import { endsWithin } from '../../shared/time.ts';
import type { ExpiredFile, RemovableFile } from '../../store/files.ts';
import type { Engine } from '../engine.ts';

/** Few: their rows are locked while the storage removes them. */
const BATCH = 20;
const INTERVAL_MS = 10_000;
const FORGET_BATCH = 500;
/** How long callers hear that a file has expired, rather than that there is none. */
const FORGET_DAYS = 30;
/** Shorter than a transaction may be idle. */
const REMOVAL_MS = 5000;

/**
 * Makes a loop's work: it removes a batch of the files that have expired: the content, then the row is marked, so that what a
 * crash comes between is removed once more. It walks from the oldest to the newest, past those that cannot be removed now.
 * @returns a function that answers milliseconds until it wants to be called again
 */
export function createFileExpiry(engine: Engine): () => Promise<number> {
  const { files } = engine.store;
  let walked: ExpiredFile | undefined;
  return async () => {
    let removed = 0;
    const expired = await files.removeExpired({ after: walked, limit: BATCH }, async (batch) => {
      const gone = await removeContents(engine, batch);
      removed = gone.length;
      return gone;
    });
    if (removed > 0) engine.log.info('removed files that have expired', { removed });
    walked = expired.length === BATCH ? expired.at(-1) : undefined;
    const forgotten = await files.forgetRemoved(FORGET_DAYS, FORGET_BATCH);
    return (walked && removed > 0) || forgotten === FORGET_BATCH ? 0 : INTERVAL_MS;
  };
}

async function removeContents(engine: Engine, batch: readonly RemovableFile[]): Promise<RemovableFile[]> {
  const gone: RemovableFile[] = [];
  let fault: unknown = new Error(`no answer within ${REMOVAL_MS} ms`);
  const removing = batch.map(async (file) => {
    try {
      await engine.storage.remove(file);
      gone.push(file);
    } catch (error) {
      fault = error;
    }
  });
  await endsWithin(Promise.all(removing), REMOVAL_MS);
  const removed = [...gone];
  if (removed.length < batch.length) {
    const files = batch.length - removed.length;
    engine.log.warn('expired files could not be removed; they will be tried again', { files, error: fault });
  }
  return removed;
}
