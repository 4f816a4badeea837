import { queueNameSchema } from '../contract/enqueue.ts';
import { AppError } from '../shared/errors.ts';

export type TransportName = 'bullmq' | 'postgres';

export interface RateLimit {
  /** Starts allowed within `durationMs`, over all workers together. */
  max: number;
  durationMs: number;
}

export interface QueueOptions {
  name: string;
  /** Jobs that one worker process runs at once; default QUEUE_CONCURRENCY. */
  concurrency?: number;
  rateLimit?: RateLimit;
  /** How many jobs of one `concurrencyKey` may run at once, over all workers, 1–1000; default 1. */
  concurrencyPerKey?: number;
  /** How many jobs of one `concurrencyKey` may start within a time, over all workers. */
  rateLimitPerKey?: RateLimit;
  /** Which transport delivers; default `bullmq` with REDIS_URL, else `postgres`. */
  transport?: TransportName;
}

export interface QueueDefinition extends QueueOptions {
  readonly kind: 'longshore.queue';
}

/**
 * Names a queue and its settings; give it to `defineJob({ queue })`.
 * @throws INVALID_DEFINITION for a name or number that is not allowed
 */
export function defineQueue(options: QueueOptions): QueueDefinition {
  checkQueueOptions(options, `queue "${options.name}"`);
  return { ...options, kind: 'longshore.queue' };
}

export function checkQueueOptions(options: QueueOptions, owner: string): void {
  const name = queueNameSchema.safeParse(options.name);
  if (!name.success) throw invalid(owner, `name ${name.error.issues[0]?.message}`);
  if (options.concurrency !== undefined) checkCount(owner, 'concurrency', options.concurrency, 1000);
  if (options.concurrencyPerKey !== undefined) checkCount(owner, 'concurrencyPerKey', options.concurrencyPerKey, 1000);
  for (const field of ['rateLimit', 'rateLimitPerKey'] as const) {
    const limit = options[field];
    if (!limit) continue;
    checkCount(owner, `${field}.max`, limit.max, 1_000_000);
    checkCount(owner, `${field}.durationMs`, limit.durationMs, 86_400_000);
  }
}

function checkCount(owner: string, field: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw invalid(owner, `${field} is ${value}; a whole number from 1 to ${max} is allowed`);
  }
}

function invalid(owner: string, fault: string): AppError {
  return new AppError('INVALID_DEFINITION', `${owner}: ${fault}`);
}
