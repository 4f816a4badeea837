import type { QueueOptions } from '../define/queue.ts';
import { AppError } from '../shared/errors.ts';
import type { Transport, Transports } from './transport.ts';

/**
 * Chooses the transport of each queue: the one that its definition names, else BullMQ where there is a Redis.
 * @throws INVALID_CONFIGURATION when a queue names BullMQ and there is no Redis
 */
export function createTransports(
  postgres: Transport,
  bullmq: Transport | undefined,
  queues: ReadonlyMap<string, QueueOptions>,
): Transports {
  for (const queue of queues.values()) {
    if (queue.transport === 'bullmq' && !bullmq) {
      throw new AppError('INVALID_CONFIGURATION', `queue "${queue.name}" wants the transport bullmq: set REDIS_URL`);
    }
  }
  const usual = bullmq ?? postgres;
  return {
    of: (queue) => (queues.get(queue)?.transport === 'postgres' ? postgres : usual),
    all: bullmq ? [postgres, bullmq] : [postgres],
  };
}
