import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';

const UNIQUE_VIOLATION = '23505';
const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
]);
const CONNECTION_MESSAGE =
  /Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/i;

/** Whether nothing is wrong with the statement: the server was away, so trying again can help. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (CONNECTION_CODES.has(codeOf(error))) return true;
  if (error instanceof AggregateError && error.errors.some(isConnectionError)) return true;
  return CONNECTION_MESSAGE.test(error.message) || (error.cause !== undefined && isConnectionError(error.cause));
}

/**
 * A server that is there and stores nothing: its disk, memory or connections are used up (class 53), it cannot read or
 * write a file (58030), or it is a replica now, after a failover (25006). Nothing is wrong with the statement.
 */
const STORES_NOTHING = /^(53...|58030|25006)$/;

/** Turns what only time or an operator can mend into STORE_UNAVAILABLE, and leaves every other fault as it is. */
export function toStoreError(error: unknown): unknown {
  if (STORES_NOTHING.test(codeOf(error))) {
    return new AppError('STORE_UNAVAILABLE', `the database stores nothing: ${messageOf(error)}`, { cause: error });
  }
  if (!isConnectionError(error)) return error;
  return new AppError('STORE_UNAVAILABLE', `the database did not answer: ${messageOf(error)}`, { cause: error });
}

/**
 * Whether a statement fails by itself: its data (22), a constraint (23), a write where only reading is allowed (25006), its
 * syntax, names or rights (42), what it raises (P0), a feature (0A), a limit (54), or how many values it gets (08P01).
 */
export function isFaultOfQuery(error: unknown): boolean {
  const code = codeOf(error instanceof AppError ? error.cause : error);
  return /^(22...|23...|25006|42...|P0...|0A...|54...|08P01)$/.test(code);
}

/** Whether two statements were in each other's way, and this one works when it is tried again. */
export function isConflict(error: unknown): boolean {
  return [SERIALIZATION_FAILURE, DEADLOCK].includes(codeOf(error));
}

export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === UNIQUE_VIOLATION;
}

/** Of PostgreSQL (SQLSTATE) or of Node.js; empty for an error that has none. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
