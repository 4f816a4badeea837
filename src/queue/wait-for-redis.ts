import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import { pause } from '../shared/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import { inspectRedis, type RedisFacts } from './redis-diagnosis.ts';

/**
 * Waits until Redis answers, saying so.
 * @param shownUrl the URL without its password
 * @returns what it tells of itself
 * @throws TRANSPORT_UNAVAILABLE after `timeoutMs`
 */
export async function waitForRedis(url: string, shownUrl: string, timeoutMs: number, log: Logger): Promise<RedisFacts> {
  const deadline = Date.now() + timeoutMs;
  for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 4000)) {
    const answer = await tryRedis(url);
    if ('facts' in answer) return answer.facts;
    const detail = `Redis at ${shownUrl} (REDIS_URL) does not answer: ${answer.fault}`;
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) {
      throw new AppError('TRANSPORT_UNAVAILABLE', `${detail}; gave up after ${Math.round(timeoutMs / 1000)} s`);
    }
    log.warn(`${detail}; trying for another ${Math.ceil(leftMs / 1000)} s`);
    await pause(Math.min(waitMs, leftMs));
  }
}

async function tryRedis(url: string): Promise<{ facts: RedisFacts } | { fault: string }> {
  try {
    const facts = await inspectRedis(url);
    return facts.isLoading ? { fault: 'it still loads its data' } : { facts };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}
