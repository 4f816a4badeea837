import type { JobResource } from '../contract/job.ts';
import { LongshoreError, type LongshoreErrorCode } from '../shared/longshore-error.ts';

/** The job has ended, but not as completed. */
export class JobEndedError extends LongshoreError {
  override name = 'JobEndedError';
  /** The ended job; `job.reason` and `job.error` say more. */
  readonly job: JobResource;

  constructor(code: LongshoreErrorCode, job: JobResource) {
    super(code, describeEnd(job));
    this.job = job;
  }
}

export class JobFailedError extends JobEndedError {
  override name = 'JobFailedError';
  constructor(job: JobResource) {
    super('JOB_FAILED', job);
  }
}

export class JobCancelledError extends JobEndedError {
  override name = 'JobCancelledError';
  constructor(job: JobResource) {
    super('JOB_CANCELLED', job);
  }
}

/** It had not started when its `ttlMs` was over. */
export class JobExpiredError extends JobEndedError {
  override name = 'JobExpiredError';
  constructor(job: JobResource) {
    super('JOB_EXPIRED', job);
  }
}

/** @throws JobFailedError, JobCancelledError or JobExpiredError for an ended job that did not complete */
export function demandSuccess(job: JobResource): void {
  if (job.status === 'failed') throw new JobFailedError(job);
  if (job.status === 'cancelled') throw new JobCancelledError(job);
  if (job.status === 'expired') throw new JobExpiredError(job);
}

function describeEnd({ id, type, status, reason, error }: JobResource): string {
  const head = `job ${id} (${type}) ${status === 'failed' ? 'failed' : `has ${status === 'cancelled' ? 'been ' : ''}${status}`}`;
  const why = [reason, error?.message].filter((part) => part !== null && part !== undefined && part !== '');
  return why.length === 0 ? head : `${head}: ${why.join(', ')}`;
}
