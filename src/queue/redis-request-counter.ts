import { endsWithin } from '../shared/time.ts';
import { COUNT_ONLY, type RequestCounter } from '../store/request-counter.ts';
import type { Logger } from '../telemetry/logger.ts';
import { openRedis } from './redis.ts';

/** A call that Redis does not count by then is counted in this process alone. */
const COMMAND_TIMEOUT_MS = 250;

/** Counts in Redis. */
export async function createRedisCounter(url: string, prefix: string, log: Logger): Promise<RequestCounter> {
  const { RateLimiterMemory, RateLimiterRedis } = await import('rate-limiter-flexible');
  // Not that of BullMQ, on which a command waits until Redis is back.
  const redis = openRedis(url, log, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
  });
  const connecting = redis.connect().catch(() => undefined); // it goes on trying, and has said so
  await endsWithin(connecting, COMMAND_TIMEOUT_MS);
  const limiter = new RateLimiterRedis({
    ...COUNT_ONLY,
    storeClient: redis,
    keyPrefix: `${prefix}:requests`,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory(COUNT_ONLY),
  });
  return {
    async add(tenant, calls) {
      const { consumedPoints, msBeforeNext } = await limiter.consume(tenant, calls);
      return { total: consumedPoints, endsInMs: msBeforeNext };
    },
    stop: () => redis.disconnect(),
  };
}
