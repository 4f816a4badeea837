import { Redis } from 'ioredis';
import { describe, expect, inject, it } from 'vitest';
import { startRedis } from './redis.ts';

async function ask<Answer>(url: string, question: (redis: Redis) => Promise<Answer>): Promise<Answer> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => null });
  redis.on('error', () => {}); // the question rejects too
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

describe('startRedis', () => {
  it('never evicts a key', async () => {
    expect(await ask(inject('redisUrl'), (redis) => redis.ping())).toBe('PONG');
    const redis = await startRedis();
    const [, policy] = (await ask(redis.url, (client) => client.config('GET', 'maxmemory-policy'))) as string[];
    expect(policy).toBe('noeviction');
    await redis.stop();
  });

  it.each([
    [false, null],
    [true, 'kept'],
  ])('comes back on the same port (durable: %s)', async (isDurable, expected) => {
    const redis = await startRedis({ isDurable });
    const { pid } = redis;
    await ask(redis.url, (client) => client.set('key', 'kept'));
    await redis.stop('SIGTERM');
    await expect(ask(redis.url, (client) => client.ping())).rejects.toThrow();
    await redis.restart();
    expect(redis.pid).not.toBe(pid);
    expect(await ask(redis.url, (client) => client.get('key'))).toBe(expected);
    await redis.stop('SIGKILL');
    await redis.stop();
  });
});
