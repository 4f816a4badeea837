import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { createBullMqContestant, QUEUE } from './bullmq.ts';
import type { OpenContestant } from './contestant.ts';

/** BullMQ on Redis, as of the root's package.json: the same version that Longshore delivers with. */
export const open: OpenContestant = async ({ redisUrl }) => {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  return createBullMqContestant({
    queue: new Queue(QUEUE, { connection }),
    createWorker: (process, concurrency) => new Worker(QUEUE, process, { connection, concurrency }),
    close: async () => connection.disconnect(),
  });
};
