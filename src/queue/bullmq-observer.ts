import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { createHeldJobs } from './bullmq-held-jobs.ts';
import { tryOnce } from './redis.ts';
import type { Transport } from './transport.ts';

const TIMEOUT_MS = 5000;

/** BullMQ as the doctor sees it: what it holds can be read, and nothing can be changed. Gives up when Redis is away. */
export function createBullMqObserver(url: string, prefix: string): Transport {
  const redis = new Redis(url, { ...tryOnce(TIMEOUT_MS), enableReadyCheck: false }); // INFO may be forbidden
  redis.on('error', () => {}); // the command rejects too
  const queues = new Map<string, Queue>();

  function queueOf(name: string): Queue {
    const known = queues.get(name);
    if (known) return known;
    const queue = new Queue(name, { connection: redis, prefix, skipMetasUpdate: true, skipVersionCheck: true });
    queue.on('error', () => {}); // the command rejects too
    queues.set(name, queue);
    return queue;
  }

  const refuse = () => {
    throw new Error('an observer changes nothing');
  };
  return {
    name: 'bullmq',
    held: { ...createHeldJobs({ redis, prefix, queueOf }), countUp: refuse, drop: refuse },
    deliver: refuse,
    consume: refuse,
    remove: refuse,
    setPaused: refuse,
    async ping() {
      await redis.ping();
    },
    async stop() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
      redis.disconnect();
    },
  };
}
