import { isTerminal, type JobStatus } from '../../contract/job.ts';
import { type StepResource, toStepKey } from '../../contract/steps.ts';
import type { JobRow } from '../../store/job-row.ts';
import type { TreeJob, TreePause, TreeRow } from '../../store/pipeline-tree.ts';
import { etaMsOf } from '../eta.ts';

/** What must be known of a pipeline to tell of its steps. */
export type Pipeline = Pick<JobRow, 'id' | 'status' | 'finishedAt'>;

/** A step as the contract shows it. Pure. */
export function toStepResource(row: TreeRow, pipeline: Pipeline, nowMs: number): StepResource {
  return row.id === null ? toPauseResource(row, pipeline, nowMs) : toJobStep(row, nowMs);
}

function toJobStep(row: TreeJob, nowMs: number): StepResource {
  return {
    key: toStepKey(row.key, row.stepIndex),
    kind: 'job',
    type: row.type,
    id: row.id,
    status: row.status,
    reason: row.reason,
    attempt: row.attempt,
    maxAttempts: row.maxAttempts,
    progress: { percent: row.progressPercent, message: row.progressMessage, etaMs: etaMsOf(row, nowMs) },
    error: row.error,
    parentId: row.pipelineId,
    createdAt: row.createdAt.toISOString(),
    runAt: row.runAt.toISOString(),
    startedAt: iso(row.startedAt),
    finishedAt: iso(row.finishedAt),
  };
}

function toPauseResource(row: TreePause, pipeline: Pipeline, nowMs: number): StepResource {
  const status = statusOf(row, pipeline);
  const isSleep = row.kind === 'sleep';
  const leftMs = status === 'waiting' && isSleep && row.wakeAt ? Math.max(0, row.wakeAt.getTime() - nowMs) : null;
  return {
    key: row.key,
    kind: isSleep ? 'sleep' : 'event',
    type: isSleep ? 'sleep' : row.name,
    id: null,
    status,
    reason: null,
    attempt: 0,
    maxAttempts: 0,
    progress: { percent: status === 'completed' ? 100 : 0, message: null, etaMs: leftMs },
    error: null,
    parentId: row.pipelineId,
    createdAt: row.recordedAt.toISOString(),
    runAt: iso(row.wakeAt),
    startedAt: row.recordedAt.toISOString(),
    finishedAt: iso(status === 'cancelled' ? pipeline.finishedAt : row.settledAt),
  };
}

function statusOf(row: TreePause, pipeline: Pipeline): JobStatus {
  if (row.settledAt) return row.kind === 'event' && !row.isAnswered ? 'expired' : 'completed';
  return isTerminal(pipeline.status) ? 'cancelled' : 'waiting';
}

function iso(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}
