import { createPostgresBackend, withBackend } from 'bullmq';
import { createBullMqContestant, QUEUE } from './bullmq.ts';
import type { OpenContestant } from './contestant.ts';

const POOL_SIZE = 20;

/** BullMQ's own PostgreSQL backend. */
export const open: OpenContestant = async ({ databaseUrl }) => {
  const { Queue, Worker } = withBackend(createPostgresBackend);
  const connection = { connectionString: databaseUrl, max: POOL_SIZE, migrate: true };
  const queue = new Queue(QUEUE, { connection });
  await queue.waitUntilReady();
  return createBullMqContestant({
    queue,
    createWorker: (process, concurrency) => new Worker(QUEUE, process, { connection, concurrency }),
    close: async () => {},
  });
};
