import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { deliveryIdOf, isMarked, readDeliveryId } from './bullmq-jobs.ts';
import type { Delivery, DeliveryState, HeldDelivery, HeldJobs } from './transport.ts';

export interface HeldJobsOptions {
  redis: Redis;
  prefix: string;
  queueOf: (name: string) => Queue;
}

const PAGE = 500;
/** Ids in a list are found by reading all of it; other producers may have made that long. */
const SEARCHABLE = 20_000;

const stateOf: Record<string, DeliveryState> = {
  completed: 'finished',
  failed: 'finished',
  delayed: 'delayed',
  active: 'active',
  unknown: 'missing',
};

/** What BullMQ holds of our jobs, for the reconciler. */
export function createHeldJobs({ redis, prefix, queueOf }: HeldJobsOptions): HeldJobs {
  /** Who waits and who runs, read at once: BullMQ would search both lists from end to end for every single job. */
  async function listStates(queue: Queue): Promise<Map<string, DeliveryState>> {
    const waiting = await redis.lrange(queue.toKey('wait'), 0, -1);
    const active = await redis.lrange(queue.toKey('active'), 0, -1); // after `wait`, which jobs leave for it
    return new Map([...waiting.map((id) => [id, 'waiting'] as const), ...active.map((id) => [id, 'active'] as const)]);
  }

  async function findUnsearched(queue: Queue, key: string): Promise<DeliveryState> {
    const [finishedOn, name] = await redis.hmget(queue.toKey(key), 'finishedOn', 'name');
    return name == null ? 'missing' : finishedOn == null ? 'waiting' : 'finished';
  }

  return {
    countUp: () => redis.incr(`${prefix}:longshore:epoch`),
    async findStates(name: string, jobs: readonly Delivery[]) {
      const queue = queueOf(name);
      if (jobs.length === 0) return [];
      const keys = jobs.map(deliveryIdOf);
      const isSearchable = (await redis.llen(queue.toKey('wait'))) <= SEARCHABLE;
      if (!isSearchable) return Promise.all(keys.map((key) => findUnsearched(queue, key)));
      const listed = await listStates(queue);
      return Promise.all(
        keys.map(async (key) => listed.get(key) ?? stateOf[await queue.getJobState(key)] ?? 'waiting'),
      );
    },
    async *listWaiting(name: string) {
      const queue = queueOf(name);
      for (const type of ['wait', 'prioritized', 'delayed'] as const) {
        for (let start = 0; ; start += PAGE) {
          const keys = await queue.getRanges([type], start, start + PAGE - 1);
          yield keys.flatMap((key): HeldDelivery[] => {
            const ours = readDeliveryId(key);
            return ours ? [{ key, ...ours }] : [];
          });
          if (keys.length < PAGE || start + PAGE >= SEARCHABLE) break;
        }
      }
    },
    async drop(name: string, key: string) {
      const job = await queueOf(name).getJob(key);
      if (!job || !isMarked(job.opts)) return false; // another producer's, with an id like ours
      return (await queueOf(name).remove(key)) === 1;
    },
    isPaused: (name) => queueOf(name).isPaused(),
    rateLimitedMs: async (name, max) => Math.max(0, await queueOf(name).getRateLimitTtl(max)),
  };
}
