import type { Engine } from '../engine.ts';
import { removeJobFiles } from '../files.ts';

/** Days; 0 keeps for ever. */
export interface RetentionSettings {
  /** For jobs that completed, were cancelled or expired. */
  completedDays: number;
  failedDays: number;
}

const BATCH = 500;
const BULK_ACTION_DAYS = 30;
const ALERT_DAYS = 30;
/** A year can be compared with the one before. */
const AI_USAGE_DAYS = 800;
/** Only today's counts; what is older is of use to people alone. */
const TENANT_DAYS = 35;
const INTERVAL_MS = 60_000;
/** Between two batches, so that others get at the database. */
const PAUSE_MS = 100;

/**
 * Removes some of each kind of what is old: jobs with everything that belongs to them, finished bulk actions, batches that have
 * ended and of whose jobs none is left. A job whose webhook is still to be sent stays until that has ended.
 * @returns milliseconds until it wants to be called again
 */
export async function removeExpiredJobs(engine: Engine, settings: RetentionSettings): Promise<number> {
  const { retention } = engine.store;
  const { completedDays, failedDays } = settings;
  const ended = completedDays === 0 ? [] : await retention.removeEnded(completedDays, BATCH);
  const failed = failedDays === 0 ? [] : await retention.removeFailed(failedDays, BATCH);
  await removeJobFiles(engine, [...ended, ...failed]);
  const actions = await retention.removeBulkActions(BULK_ACTION_DAYS, BATCH);
  const batches = completedDays === 0 ? 0 : await engine.store.batches.removeFinished(completedDays, BATCH);
  await retention.removeAlerts(ALERT_DAYS);
  await engine.store.aiUsage.removeOld(AI_USAGE_DAYS);
  await engine.store.tenantDays.removeOld(TENANT_DAYS);
  tell(
    engine,
    ended.length,
    'jobs that completed, were cancelled or expired',
    'RETENTION_COMPLETED_DAYS',
    completedDays,
  );
  tell(engine, failed.length, 'jobs that failed', 'RETENTION_FAILED_DAYS', failedDays);
  return Math.max(ended.length, failed.length, actions, batches) === BATCH ? PAUSE_MS : INTERVAL_MS;
}

function tell(engine: Engine, removed: number, what: string, setting: string, days: number): void {
  if (removed > 0) engine.log.info(`removed ${what} more than ${days} days ago (${setting})`, { removed });
}
