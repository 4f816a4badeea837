import { AppError, isAppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import { pause } from '../shared/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Database } from './database.ts';
import { isConnectionError } from './database-errors.ts';

const MINIMUM_VERSION = 140_000;
const TIMEOUT_MS = 5000;
const VERSION = `
  select current_setting('server_version_num') as number, current_setting('server_version') as version`;

/**
 * Connects the database, and waits until it answers, saying so. A wrong password, role or database fails at once.
 * @param shownUrl its URL without its password
 * @throws STORE_UNAVAILABLE after `timeoutMs`; INVALID_CONFIGURATION for what waiting cannot mend
 */
export async function waitForPostgres(
  database: Database,
  shownUrl: string,
  timeoutMs: number,
  log: Logger,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 4000)) {
    const failure = await tryConnect(database);
    if (failure === undefined) return;
    const detail = `PostgreSQL at ${shownUrl} (DATABASE_URL): ${messageOf(failure)}`;
    if (failure instanceof AppError) throw failure;
    if (!isConnectionError(failure)) throw new AppError('INVALID_CONFIGURATION', detail, { cause: failure });
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) {
      throw new AppError('STORE_UNAVAILABLE', `${detail}; gave up after ${Math.round(timeoutMs / 1000)} s`, {
        cause: failure,
      });
    }
    log.warn(`${detail}; trying for another ${Math.ceil(leftMs / 1000)} s`);
    await pause(Math.min(waitMs, leftMs));
  }
}

/** @returns what is wrong, or undefined when PostgreSQL answered and is new enough */
async function tryConnect(database: Database): Promise<unknown> {
  try {
    // Both pools connect now: to encrypt a password takes a while, and the first sign of life need not wait for that.
    const [[server]] = await Promise.all([
      database.query<{ number: string; version: string }>(VERSION, [], { timeoutMs: TIMEOUT_MS }),
      database.query('select 1', [], { timeoutMs: TIMEOUT_MS, isUrgent: true }),
    ]);
    if (Number(server?.number) >= MINIMUM_VERSION) return undefined;
    return new AppError(
      'INVALID_CONFIGURATION',
      `PostgreSQL ${server?.version} is too old: 14 or later is needed (DATABASE_URL)`,
    );
  } catch (error) {
    return isAppError(error) ? error.cause : error;
  }
}
