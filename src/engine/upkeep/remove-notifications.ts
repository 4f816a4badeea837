import type { Engine } from '../engine.ts';

const BATCH = 500;
const INTERVAL_MS = 60_000;
/** Between two batches, so that others get at the database. */
const PAUSE_MS = 100;

/**
 * Removes a batch of the messages to users that are older than people want them kept.
 * @param days above 0
 * @returns milliseconds until it wants to be called again
 */
export async function removeOldNotifications(engine: Engine, days: number): Promise<number> {
  const removed = await engine.store.userNotifications.removeOld(days, BATCH);
  if (removed > 0) {
    engine.log.info(`removed messages to users after ${days} days (RETENTION_NOTIFICATION_DAYS)`, { removed });
  }
  return removed === BATCH ? PAUSE_MS : INTERVAL_MS;
}
