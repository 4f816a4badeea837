import type { NextFunction, Request, Response } from 'express';
import type { Problem } from '../contract/program.ts';
import { AppError, type ErrorCode, errorCatalogue, isAppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import type { Logger } from '../telemetry/logger.ts';

const RETRY_AFTER_SECONDS = '1';

/** The problem+json (RFC 9457) of an error. Errors that are not ours say nothing of their inside. */
export function toProblem(error: unknown): Problem {
  const known = isAppError(error)
    ? error
    : new AppError('INTERNAL', 'the request failed; the log of the program says why');
  const { status, title } = errorCatalogue[known.code];
  return {
    type: `urn:longshore:error:${known.code}`,
    title,
    status,
    detail: known.message,
    code: known.code,
    ...(known.errors ? { errors: [...known.errors] } : {}),
  };
}

/** The one place where errors become answers. */
export function createErrorHandler(log: Logger) {
  // Express tells an error handler by its four parameters.
  return (thrown: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const error = fromExpress(thrown);
    const problem = toProblem(error);
    if (problem.status >= 500) log.error(`${request.method} ${request.path} answered ${problem.status}`, { error });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const retryAfter = retryAfterOf(error, problem);
    if (retryAfter !== undefined) response.setHeader('Retry-After', retryAfter);
    if (problem.status === 401 && !response.hasHeader('WWW-Authenticate')) {
      response.setHeader('WWW-Authenticate', 'Bearer');
    }
    // Not by `send`, which would hash it for an ETag: nobody asks for a problem again to see whether it has changed.
    response.status(problem.status).setHeader('Content-Type', 'application/problem+json; charset=utf-8');
    response.end(JSON.stringify(problem));
  };
}

function retryAfterOf(error: unknown, { status, code }: Problem): string | undefined {
  if (isAppError(error) && error.retryAfterMs !== undefined) {
    return String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  }
  return status === 503 || code === 'IDEMPOTENCY_IN_FLIGHT' ? RETRY_AFTER_SECONDS : undefined;
}

const bodyFaults: Record<string, ErrorCode> = {
  'entity.parse.failed': 'MALFORMED_JSON',
  'entity.too.large': 'BODY_TOO_LARGE',
  'encoding.unsupported': 'UNSUPPORTED_MEDIA_TYPE',
  'charset.unsupported': 'UNSUPPORTED_MEDIA_TYPE',
  'request.aborted': 'INVALID_REQUEST',
  'request.size.invalid': 'INVALID_REQUEST',
};

function fromExpress(thrown: unknown): unknown {
  if (thrown instanceof AppError || !(thrown instanceof Error)) return thrown;
  const { type, limit, status } = thrown as { type?: unknown; limit?: unknown; status?: unknown };
  const code = typeof type === 'string' ? bodyFaults[type] : undefined;
  if (code === 'BODY_TOO_LARGE')
    return new AppError(code, `the body is larger than ${String(limit)} bytes (see MAX_BODY_BYTES)`);
  if (code) return new AppError(code, messageOf(thrown), { cause: thrown });
  // Express marks what the caller caused, such as a body that is not the gzip that it says to be.
  if (status === 400 && !(thrown instanceof URIError))
    return new AppError('INVALID_REQUEST', `the body cannot be read: ${messageOf(thrown)}`, { cause: thrown });
  if (thrown instanceof URIError) return new AppError('INVALID_REQUEST', 'the path is not valid percent-encoding');
  return thrown;
}
