import { Redis } from 'ioredis';
import type { QueueResource } from '../../src/contract/program.ts';
import type { Answer, Installation, Program } from './program.ts';
import { waitFor } from './wait-for.ts';

/** Pauses a queue, and waits until BullMQ knows: for a Redis that is slow, the API does not. */
export async function pauseQueue(
  installation: Installation,
  program: Program,
  queue: string,
): Promise<Answer<QueueResource>> {
  const answer = await program.call<QueueResource>(`/v1/queues/${queue}/pause`, { method: 'POST' });
  const { REDIS_URL } = installation.settings;
  if (REDIS_URL === undefined) return answer;
  const redis = new Redis(REDIS_URL);
  try {
    const isPaused = async () => (await redis.hget(`${installation.prefix}:${queue}:meta`, 'paused')) === '1';
    await waitFor(isPaused, { describe: `BullMQ has paused ${queue}` });
  } finally {
    redis.disconnect();
  }
  return answer;
}
