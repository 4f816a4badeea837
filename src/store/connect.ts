import pg from 'pg';
import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import { pause } from '../shared/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import { isConnectionError } from './database-errors.ts';

const MINIMUM_VERSION = 140_000;

/**
 * Waits until PostgreSQL answers, saying so. A wrong password, role or database fails at once.
 * @param shownUrl the URL without its password
 * @throws STORE_UNAVAILABLE after `timeoutMs`; INVALID_CONFIGURATION for what waiting cannot mend
 */
export async function waitForPostgres(url: string, shownUrl: string, timeoutMs: number, log: Logger): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 4000)) {
    const failure = await tryConnect(url);
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
async function tryConnect(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000, query_timeout: 5000 });
  client.on('error', () => undefined); // the query reports it
  try {
    await client.connect();
    const { rows } = await client.query<{ number: string; version: string }>(
      `select current_setting('server_version_num') as number, current_setting('server_version') as version`,
    );
    if (Number(rows[0]?.number) >= MINIMUM_VERSION) return undefined;
    return new AppError(
      'INVALID_CONFIGURATION',
      `PostgreSQL ${rows[0]?.version} is too old: 14 or later is needed (DATABASE_URL)`,
    );
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => undefined); // it may never have been open
  }
}
