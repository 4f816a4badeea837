import type { ErrorCode } from './errors.ts';

/** What a client finds out by itself. */
export type ClientErrorCode =
  | 'UNEXPECTED_ANSWER'
  | 'SERVER_UNREACHABLE'
  | 'TIMEOUT'
  | 'JOB_FAILED'
  | 'JOB_CANCELLED'
  | 'JOB_EXPIRED'
  | 'WEBHOOK_NOT_GENUINE'
  | 'WEBHOOK_TIMESTAMP_REFUSED';

/** The server's catalogue and the client's own; a newer server may know more. */
export type LongshoreErrorCode = ErrorCode | ClientErrorCode | (string & {});

/** Everything that the client throws on purpose. Branch on the class or on `code`, never on the message. */
export class LongshoreError extends Error {
  override name = 'LongshoreError';
  readonly code: LongshoreErrorCode;

  constructor(code: LongshoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
