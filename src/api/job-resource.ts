import { createHash } from 'node:crypto';
import type { AttemptResource, JobResource, LogLineResource } from '../contract/job.ts';
import { isTerminal } from '../contract/job.ts';
import { toStepKey } from '../contract/steps.ts';
import type { WaitingFor } from '../contract/waiting.ts';
import type { DeliveryResource } from '../contract/webhooks.ts';
import { etaMsOf } from '../engine/eta.ts';
import type { JobProgress } from '../engine/pipelines/estimate-progress.ts';
import type { Enqueued } from '../engine/record-jobs.ts';
import type { StoredDelivery } from '../store/deliveries.ts';
import type { JobRow } from '../store/job-row.ts';
import { type AttemptRow, logLineId, type StoredLogLine } from '../store/journal.ts';

/** The job that a request asked for, or the one that holds its deduplication key. */
export function toEnqueuedResource({ job, isDeduplicated }: Enqueued): JobResource {
  const resource = toJobResource(job);
  return isDeduplicated ? { ...resource, deduplicated: true } : resource;
}

/**
 * A job as the contract shows it.
 * @param progress where more is known of it than the job's own row says
 */
export function toJobResource(
  job: JobRow,
  progress: JobProgress = { percent: job.progressPercent, etaMs: etaMsOf(job) },
): JobResource {
  const self = `/v1/jobs/${job.id}`;
  return {
    id: job.id,
    type: job.type,
    queue: job.queue,
    tenant: job.tenant,
    status: job.status,
    reason: job.reason,
    priority: job.priority,
    tags: job.tags,
    metadata: job.metadata,
    input: job.input,
    output: job.output,
    error: job.error,
    progress: { ...progress, message: job.progressMessage },
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    createdAt: toIso(job.createdAt),
    runAt: toIso(job.runAt),
    startedAt: iso(job.startedAt),
    finishedAt: iso(job.finishedAt),
    parentId: job.parentId,
    stepKey: job.stepKey === null ? null : toStepKey(job.stepKey, job.stepIndex),
    scheduleId: job.scheduleId,
    batchId: job.batchId,
    worker: job.worker,
    deduplicationKey: job.deduplicationKey,
    links: { self, events: `${self}/events`, cancel: `${self}/cancel` },
  };
}

/** Changes with the job and not with the clock, which the estimate of the remaining time does. */
export function etagOf(job: JobRow, { percent }: Pick<JobProgress, 'percent'>, waitingFor: WaitingFor | null): string {
  const { id, status, fence, delivery, attempt, progressSeq, runAt, finishedAt } = job;
  const times = [runAt.getTime(), finishedAt?.getTime()];
  const version = [id, status, fence, delivery, attempt, progressSeq, percent, waitingFor?.reason, ...times].join('/');
  return `W/"${createHash('sha256').update(version).digest('base64url').slice(0, 22)}"`;
}

/** Seconds after which asking again makes sense; none for a job that has ended. */
export function retryAfterOf(job: JobRow, nowMs: number): Record<string, string> {
  if (isTerminal(job.status)) return {};
  const untilDue = Math.ceil((job.runAt.getTime() - nowMs) / 1000);
  const waits = job.status === 'scheduled' || job.status === 'retrying';
  return { 'Retry-After': String(waits ? Math.min(60, Math.max(1, untilDue)) : 1) };
}

export function toAttemptResource(row: AttemptRow): AttemptResource {
  return {
    attempt: row.attempt,
    outcome: row.outcome,
    worker: row.worker,
    error: row.error,
    startedAt: iso(row.startedAt),
    finishedAt: row.finishedAt.toISOString(),
    durationMs: row.startedAt && row.finishedAt.getTime() - row.startedAt.getTime(),
  };
}

/** The attempt that completed a job, which is on the job's own row. */
export function toCompletedAttempt(job: JobRow): AttemptResource | undefined {
  if (job.status !== 'completed' || !job.finishedAt) return undefined;
  return {
    attempt: job.attempt,
    outcome: 'completed',
    worker: job.worker,
    error: null,
    startedAt: iso(job.startedAt),
    finishedAt: job.finishedAt.toISOString(),
    durationMs: job.startedAt && job.finishedAt.getTime() - job.startedAt.getTime(),
  };
}

export function toLogLineResource(line: StoredLogLine): LogLineResource {
  const { attempt, level, message, fields } = line;
  return { id: String(logLineId(line)), attempt, level, message, fields, at: line.at.toISOString() };
}

export function toDeliveryResource(row: StoredDelivery): DeliveryResource {
  return {
    ...row,
    nextTryAt: iso(row.nextTryAt),
    createdAt: row.createdAt.toISOString(),
    deliveredAt: iso(row.deliveredAt),
  };
}

function iso(date: Date | null): string | null {
  return date && toIso(date);
}

const lastWritten = { ms: Number.NaN, text: '' };

// Most jobs are due when they are created, many at the time of one commit, and dates are slow to write.
function toIso(date: Date): string {
  const ms = date.getTime();
  if (ms !== lastWritten.ms) Object.assign(lastWritten, { ms, text: date.toISOString() });
  return lastWritten.text;
}
