import { Queue } from 'bullmq';
import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import { endsWithin } from '../shared/time.ts';
import type { JobRow } from '../store/job-row.ts';
import type { Logger } from '../telemetry/logger.ts';
import { BullMqConsumer } from './bullmq-consumer.ts';
import { createHeldJobs } from './bullmq-held-jobs.ts';
import { deliveryIdOf, toBullMqJob } from './bullmq-jobs.ts';
import { moveForward } from './bullmq-priority.ts';
import { openRedis } from './redis.ts';
import type { Transport } from './transport.ts';

export interface BullMqTransportOptions {
  url: string;
  prefix: string;
  lockDurationMs: number;
  stalledIntervalMs: number;
  log: Logger;
}

const PING_TIMEOUT_MS = 2000;
const STOP_TIMEOUT_MS = 2000;

/** Delivers through BullMQ: each job that is due is a BullMQ job in a queue of its name. */
export function createBullMqTransport(options: BullMqTransportOptions): Transport {
  const { prefix, log } = options;
  const redis = openRedis(options.url, log);
  const queues = new Map<string, Queue>();

  function queueOf(name: string): Queue {
    const known = queues.get(name);
    if (known) return known;
    const queue = new Queue(name, { connection: redis, prefix, skipVersionCheck: true }); // the start has told
    queue.on('error', (error) => log.debug(`BullMQ: ${messageOf(error)}`, { queue: name }));
    queues.set(name, queue);
    return queue;
  }

  async function deliverTo(name: string, jobs: readonly JobRow[]): Promise<void> {
    await queueOf(name).addBulk(jobs.map(toBullMqJob));
    await moveForward(redis, `${prefix}:${name}:`, jobs);
  }

  return {
    name: 'bullmq',
    held: createHeldJobs({ redis, prefix, queueOf }),
    async deliver(jobs) {
      try {
        await Promise.all([...Map.groupBy(jobs, (job) => job.queue)].map(([name, group]) => deliverTo(name, group)));
      } catch (error) {
        throw new AppError('TRANSPORT_UNAVAILABLE', `handing jobs to BullMQ failed: ${messageOf(error)}`, {
          cause: error,
        });
      }
    },
    consume: (consume, run) => new BullMqConsumer({ ...options, redis }, consume, run),
    async remove(job) {
      await queueOf(job.queue).remove(deliveryIdOf(job));
    },
    async setPaused(name, isPaused) {
      await (isPaused ? queueOf(name).pause() : queueOf(name).resume());
    },
    async showBoard(names, serverAdapter) {
      const [{ createBullBoard }, { BullMQAdapter }] = await Promise.all([
        import('@bull-board/api'),
        import('@bull-board/api/bullMQAdapter'),
      ]);
      const queues = names.map((name) => new BullMQAdapter(queueOf(name)));
      createBullBoard({ queues, serverAdapter, options: { uiConfig: { boardTitle: 'Longshore queues' } } });
    },
    async ping() {
      if (!(await endsWithin(redis.ping(), PING_TIMEOUT_MS))) throw new Error(`no answer within ${PING_TIMEOUT_MS} ms`);
    },
    async stop() {
      // A Redis that is away must not hold the stop.
      await endsWithin(Promise.all([...queues.values()].map((queue) => queue.close())), STOP_TIMEOUT_MS);
      redis.disconnect();
    },
  };
}
