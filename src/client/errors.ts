import type { JobResource } from '../contract/job.ts';
import type { ErrorCode, FieldError } from '../shared/errors.ts';

/** The server's catalogue, or `UNEXPECTED_ANSWER` when the answer is not Longshore's; a newer server may know more. */
export type AnswerCode = ErrorCode | 'UNEXPECTED_ANSWER' | (string & {});

/** The server answered, but not with success. Branch on `code`. */
export class LongshoreError extends Error {
  override name = 'LongshoreError';
  readonly code: AnswerCode;
  readonly status: number;
  /** What went wrong, for people. */
  readonly detail: string;
  /** One entry for every fault of a field; often empty. */
  readonly errors: readonly FieldError[];
  readonly retryAfterMs: number | undefined;

  constructor(answer: {
    code: AnswerCode;
    status: number;
    detail: string;
    errors?: readonly FieldError[];
    retryAfterMs?: number | undefined;
  }) {
    super(answer.detail);
    this.code = answer.code;
    this.status = answer.status;
    this.detail = answer.detail;
    this.errors = answer.errors ?? [];
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** No answer arrived: nothing listens there, the connection broke, or it took too long. */
export class ServerUnreachableError extends Error {
  override name = 'ServerUnreachableError';
  /** Where the client tried to go. */
  readonly url: string;

  constructor(url: string, reason: string, cause: unknown) {
    super(`cannot reach ${url}: ${reason}`, { cause });
    this.url = url;
  }
}

/** `jobs.wait` gave up before the job ended; the job goes on. */
export class WaitTimeoutError extends Error {
  override name = 'WaitTimeoutError';
  /** The job as it was last seen. */
  readonly job: JobResource;

  constructor(job: JobResource, timeoutMs: number) {
    super(`job ${job.id} is still ${job.status} after ${timeoutMs} ms`);
    this.job = job;
  }
}
