import type { JobRow } from '../store/job-row.ts';

/** Of less than this an estimate would be a guess. */
const LEAST_PERCENT = 1;

/** How long a run may still take, if the rest goes as fast as what is done; null while that cannot be told. Milliseconds. */
export function etaMsOf(
  job: Pick<JobRow, 'status' | 'startedAt' | 'progressPercent'>,
  nowMs = Date.now(),
): number | null {
  if (job.status !== 'processing' || !job.startedAt || job.progressPercent < LEAST_PERCENT) return null;
  const spentMs = Math.max(0, nowMs - job.startedAt.getTime());
  return Math.round((spentMs * (100 - job.progressPercent)) / job.progressPercent);
}
