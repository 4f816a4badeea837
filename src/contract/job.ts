import { z } from 'zod';
import { jobStatuses } from './job-status.ts';

export { isTerminal, type JobStatus, jobStatuses, terminalStatuses } from './job-status.ts';

import { waitingForSchema } from './waiting.ts';

/** Why a job ended or was put back; details that are not states of their own. */
export const jobReasons = [
  'timeout',
  'worker_lost',
  'attempts_exhausted',
  'non_retryable',
  'invalid_input',
  'unknown_type',
  'step_failed',
  'pipeline_changed',
] as const;

export const jobStatusSchema = z.enum(jobStatuses);
export type JobReason = (typeof jobReasons)[number];

const failureShape = {
  name: z.string(),
  message: z.string(),
  code: z.string().optional(),
  stack: z.string().optional(),
};
const causeSchema: z.ZodType<unknown> = z
  .lazy(() => z.object({ ...failureShape, cause: causeSchema.optional() }))
  .meta({ id: 'Cause' });

export const jobErrorSchema = z
  .object({ ...failureShape, cause: causeSchema.optional(), attempt: z.int() })
  .meta({ description: 'The last failure; `attempt` says which attempt it ended.' });

export const progressSchema = z.object({
  percent: z.number().min(0).max(100),
  message: z.string().nullable(),
  etaMs: z.int().nullable(),
});

const time = z.iso.datetime();

export const jobSchema = z
  .object({
    id: z.uuid(),
    type: z.string(),
    queue: z.string(),
    tenant: z.string(),
    status: jobStatusSchema,
    reason: z.string().nullable(),
    priority: z.int(),
    tags: z.array(z.string()),
    metadata: z.record(z.string(), z.unknown()),
    input: z.unknown(),
    output: z.unknown(),
    error: jobErrorSchema.nullable(),
    progress: progressSchema,
    waitingFor: waitingForSchema.nullable().optional().meta({
      description: 'Why it does not run; null while it runs and when it has ended. Only of `GET /v1/jobs/{id}`.',
    }),
    attempt: z.int(),
    maxAttempts: z.int(),
    createdAt: time,
    runAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
    parentId: z.uuid().nullable(),
    stepKey: z.string().nullable().meta({ description: 'Its key as a step of the pipeline `parentId`.' }),
    scheduleId: z.uuid().nullable(),
    batchId: z.uuid().nullable(),
    worker: z.string().nullable(),
    deduplicationKey: z.string().nullable(),
    deduplicated: z
      .literal(true)
      .optional()
      .meta({ description: 'Nothing was enqueued: this job has the same deduplication key and has not ended.' }),
    links: z.object({ self: z.string(), events: z.string(), cancel: z.string() }),
  })
  .meta({ id: 'Job' });

export type JobResource = z.infer<typeof jobSchema>;

export const attemptSchema = z
  .object({
    attempt: z.int(),
    outcome: z.enum(['completed', 'failed', 'retrying', 'cancelled', 'worker_lost', 'put_back']),
    worker: z.string().nullable(),
    error: jobErrorSchema.nullable(),
    startedAt: time.nullable(),
    finishedAt: time,
    durationMs: z.int().nullable(),
  })
  .meta({ id: 'Attempt' });
export type AttemptResource = z.infer<typeof attemptSchema>;

export const logLineSchema = z
  .object({
    id: z.string(),
    attempt: z.int(),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()).nullable(),
    at: time,
  })
  .meta({ id: 'LogLine' });
export type LogLineResource = z.infer<typeof logLineSchema>;

export const jobEventTypes = [
  'job.queued',
  'job.started',
  'job.progress',
  'job.log',
  'job.retrying',
  'job.waiting',
  'job.completed',
  'job.failed',
  'job.cancelled',
  'job.expired',
] as const;
export type JobEventType = (typeof jobEventTypes)[number];
export interface JobEvent {
  /** Grows within a job; send it back as `Last-Event-ID` to resume. */
  id: number;
  type: JobEventType;
  data: unknown;
}
