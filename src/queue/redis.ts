import { Redis, type RedisOptions } from 'ioredis';
import { messageOf } from '../shared/failure.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How long commands may go unanswered before the connection is made anew. BullMQ's longest blocking command takes 10 s. */
const SILENCE_MS = 20_000;

/** A connection that BullMQ may use: it waits for Redis rather than failing commands. */
export function openRedis(url: string, log: Logger, more: RedisOptions = {}): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null, // BullMQ's workers require it
    lazyConnect: true,
    retryStrategy: (times) => Math.min(100 * 2 ** Math.min(times, 6), 3000),
    socketTimeout: SILENCE_MS,
    ...more,
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
