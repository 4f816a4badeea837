import type { Engine } from '../engine.ts';
import type { RetentionSettings } from './retention.ts';

const BATCH = 500;
/** So much of its history each schedule keeps at most. */
const KEPT_RUNS = 1000;
const INTERVAL_MS = 600_000;
/** Between two batches, so that others get at the database. */
const PAUSE_MS = 100;

/**
 * Removes a batch of old history of schedules: as old as completed jobs may be, or behind the newest runs of a schedule.
 * @returns milliseconds until it wants to be called again
 */
export async function trimScheduleRuns(engine: Engine, { completedDays }: RetentionSettings): Promise<number> {
  const removed = await engine.store.schedules.trimRuns(completedDays, KEPT_RUNS, BATCH);
  if (removed > 0) engine.log.debug('removed old history of schedules', { removed });
  return removed === BATCH ? PAUSE_MS : INTERVAL_MS;
}
