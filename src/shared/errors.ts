/**
 * The one catalogue of errors. Every problem+json answer and every thrown {@link AppError} has its
 * code here; `docs/reference/errors.md` lists the same codes and a test compares the two.
 */
export const errorCatalogue = {
  MALFORMED_JSON: { status: 400, title: 'The body is not JSON' },
  INVALID_REQUEST: { status: 400, title: 'The request could not be read' },
  UNAUTHENTICATED: { status: 401, title: 'A valid key is needed' },
  FORBIDDEN: { status: 403, title: 'The key does not allow this' },
  NOT_FOUND: { status: 404, title: 'There is no such thing' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  JOB_TERMINAL: { status: 409, title: 'The job has already ended' },
  IDEMPOTENCY_IN_FLIGHT: { status: 409, title: 'A call with this key is still under way' },
  JOB_NOT_RETRYABLE: { status: 409, title: 'The job cannot be run again now' },
  ACTION_FINISHED: { status: 409, title: 'The bulk action has already finished' },
  SCHEDULE_NAME_TAKEN: { status: 409, title: 'There is a schedule of that name' },
  SCHEDULE_IN_CODE: { status: 409, title: 'The schedule is defined in code' },
  PRECONDITION_FAILED: { status: 412, title: 'It has changed' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body is of a type that is not taken here' },
  RANGE_NOT_SATISFIABLE: { status: 416, title: 'The file has no such range' },
  INVALID_FIELDS: { status: 422, title: 'Some fields are not valid' },
  UNKNOWN_TYPE: { status: 422, title: 'There is no such job type' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The key was used for another request' },
  ADDRESS_REFUSED: { status: 422, title: 'That address may not be called' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  TENANT_LIMIT_REACHED: { status: 429, title: 'The tenant has as many jobs as it may have' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  RESPONSE_TOO_LARGE: { status: 502, title: 'The answer of another server is too large' },
  OUTBOUND_TIMEOUT: { status: 504, title: 'Another server took too long' },
  INTERNAL: { status: 500, title: 'Something went wrong here' },
  STORE_UNAVAILABLE: { status: 503, title: 'The database cannot be reached; nothing was stored' },
  STREAM_INTERRUPTED: { status: 503, title: 'The stream was not taken to its end' },
  STORAGE_UNAVAILABLE: { status: 503, title: 'The file storage cannot be used; nothing was stored' },
  INVALID_CONFIGURATION: { status: 500, title: 'The configuration is not valid' },
  INVALID_DEFINITION: { status: 500, title: 'A job definition is not valid' },
  TRANSPORT_UNAVAILABLE: { status: 503, title: 'Redis cannot be reached' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

/** One fault of one field. `path` is dotted, e.g. `options.delayMs`; empty for the whole body. */
export interface FieldError {
  path: string;
  message: string;
}

/** The only error that Longshore throws on purpose. Branch on `code`, never on the message. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[] | undefined;
  /** When it makes sense to try again; undefined where that is not known. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    detail: string,
    options?: { errors?: FieldError[]; cause?: unknown; retryAfterMs?: number },
  ) {
    super(detail, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.errors = options?.errors;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

/** What is said of a request with faults: all of them, the first few in its message too. */
export function invalidFields(errors: FieldError[]): AppError {
  const shown = errors.slice(0, 5).map((fault) => `${fault.path || 'body'}: ${fault.message}`);
  const rest = errors.length > shown.length ? `; and ${errors.length - shown.length} more` : '';
  return new AppError('INVALID_FIELDS', shown.join('; ') + rest, { errors });
}

export function isAppError(error: unknown, code?: ErrorCode): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}
