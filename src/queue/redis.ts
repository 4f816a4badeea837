import { Redis, type RedisOptions } from 'ioredis';
import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import { pause } from '../shared/time.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How long commands may go unanswered before the connection is made anew. BullMQ's longest blocking command takes 10 s. */
const SILENCE_MS = 20_000;

/** A connection that BullMQ may use: it waits for Redis rather than failing commands. */
export function openRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null, // BullMQ's workers require it
    lazyConnect: true,
    retryStrategy: (times) => Math.min(100 * 2 ** Math.min(times, 6), 3000),
    socketTimeout: SILENCE_MS,
  });
  let isLost = false;
  redis.on('error', (error) => {
    if (isLost) return; // one line for a loss, not one for every try
    isLost = true;
    log.warn(`the connection to Redis was lost, reconnecting: ${messageOf(error)}`);
  });
  redis.on('ready', () => {
    if (isLost) log.info('Redis is back');
    isLost = false;
  });
  return redis;
}

/** For a connection that fails its commands when Redis does not answer them in time, rather than waiting for it. */
export function tryOnce(timeoutMs: number): RedisOptions {
  return {
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  };
}

/** Whether it only says that Redis is away, which {@link openRedis} has logged once already. */
export function isConnectionFault(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return (
    (typeof code === 'string' && /^E[A-Z_]+$/.test(code)) ||
    /Connection is closed|Stream isn't writeable/i.test(error.message)
  );
}

/**
 * Waits until Redis answers, saying so.
 * @throws TRANSPORT_UNAVAILABLE after `timeoutMs`
 */
export async function waitForRedis(url: string, shownUrl: string, timeoutMs: number, log: Logger): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 4000)) {
    const failure = await tryRedis(url);
    if (failure === undefined) return;
    const detail = `Redis at ${shownUrl} (REDIS_URL) does not answer: ${failure}`;
    const leftMs = deadline - Date.now();
    if (leftMs <= 0)
      throw new AppError('TRANSPORT_UNAVAILABLE', `${detail}; gave up after ${Math.round(timeoutMs / 1000)} s`);
    log.warn(`${detail}; trying for another ${Math.ceil(leftMs / 1000)} s`);
    await pause(Math.min(waitMs, leftMs));
  }
}

/** @returns what is wrong, or undefined when Redis answered */
async function tryRedis(url: string): Promise<string | undefined> {
  const redis = new Redis(url, { ...tryOnce(3000), lazyConnect: true });
  let fault: string | undefined;
  redis.on('error', (error) => {
    fault = messageOf(error);
  });
  try {
    await redis.connect();
    await redis.ping();
    return undefined;
  } catch (error) {
    return fault ?? messageOf(error);
  } finally {
    redis.disconnect();
  }
}
