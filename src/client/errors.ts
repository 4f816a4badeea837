import type { JobResource } from '../contract/job.ts';
import type { FieldError } from '../shared/errors.ts';
import { LongshoreError, type LongshoreErrorCode } from '../shared/longshore-error.ts';

export { LongshoreError, type LongshoreErrorCode } from '../shared/longshore-error.ts';

export interface Answer {
  code: LongshoreErrorCode;
  status: number;
  detail: string;
  errors?: readonly FieldError[];
  retryAfterMs?: number | undefined;
}

/** The server answered, but not with success. */
export class AnswerError extends LongshoreError {
  override name = 'AnswerError';
  readonly status: number;
  /** What went wrong, for people. */
  readonly detail: string;
  /** One entry for every fault of a field; often empty. */
  readonly errors: readonly FieldError[];
  readonly retryAfterMs: number | undefined;

  constructor(answer: Answer) {
    super(answer.code, answer.detail);
    this.status = answer.status;
    this.detail = answer.detail;
    this.errors = answer.errors ?? [];
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** 401: there is no key, or it is not known, has expired or was revoked. */
export class UnauthorizedError extends AnswerError {
  override name = 'UnauthorizedError';
}

/** 403: the key does not allow this. */
export class ForbiddenError extends AnswerError {
  override name = 'ForbiddenError';
}

/** 404: there is no such thing, or none that the key may see. */
export class NotFoundError extends AnswerError {
  override name = 'NotFoundError';
}

/** 409: not in the state that it is in now. */
export class ConflictError extends AnswerError {
  override name = 'ConflictError';
}

/** 422: the fields or the input of a job are not valid, see `errors`; or there is no such type. */
export class ValidationError extends AnswerError {
  override name = 'ValidationError';
}

/** 429: too many requests, or a limit of the tenant is reached. */
export class RateLimitedError extends AnswerError {
  override name = 'RateLimitedError';
  /** When it may be tried again; a second where the server does not say. */
  override readonly retryAfterMs: number;

  constructor(answer: Answer) {
    super(answer);
    this.retryAfterMs = answer.retryAfterMs ?? 1_000;
  }
}

const ERRORS_BY_STATUS: Partial<Record<number, typeof AnswerError>> = {
  401: UnauthorizedError,
  403: ForbiddenError,
  404: NotFoundError,
  409: ConflictError,
  422: ValidationError,
  429: RateLimitedError,
};

export function toAnswerError(answer: Answer): AnswerError {
  return new (ERRORS_BY_STATUS[answer.status] ?? AnswerError)(answer);
}

/** No answer arrived: nothing listens there, or the connection broke. What was asked may have been done all the same. */
export class ServerUnreachableError extends LongshoreError {
  override name = 'ServerUnreachableError';
  /** Where the client tried to go. */
  readonly url: string;

  constructor(url: string, reason: string, cause: unknown, code: LongshoreErrorCode = 'SERVER_UNREACHABLE') {
    super(code, `cannot reach ${url}: ${reason}`, { cause });
    this.url = url;
  }
}

/** No answer arrived within `timeoutMs`. */
export class TimeoutError extends ServerUnreachableError {
  override name = 'TimeoutError';
  readonly timeoutMs: number;

  constructor(url: string, timeoutMs: number, cause: unknown) {
    super(url, `no answer within ${timeoutMs} ms`, cause, 'TIMEOUT');
    this.timeoutMs = timeoutMs;
  }
}

/** `jobs.wait` or `jobs.run` gave up before the job ended; the job goes on. */
export class WaitTimeoutError extends LongshoreError {
  override name = 'WaitTimeoutError';
  /** The job as it was last seen. */
  readonly job: JobResource;

  constructor(job: JobResource, timeoutMs: number) {
    super('TIMEOUT', `job ${job.id} is still ${job.status} after ${timeoutMs} ms`);
    this.job = job;
  }
}
