import type { Job, JobsOptions } from 'bullmq';
import { isId } from '../shared/ids.ts';
import { fenceOf } from '../store/fence.ts';
import type { JobRow } from '../store/job-row.ts';
import type { Delivery, Offer } from './transport.ts';

/** How many ended jobs BullMQ keeps for people who look with redis-cli or bull-board; the record keeps all. */
export const KEEP_FINISHED = 1000;

/** In the options of every delivery of ours: tells it from a job that somebody else added. `p` is the job's priority. */
export interface DeliveryMark {
  longshore?: { p: number };
}

/** BullMQ ignores an `add` whose id is known in any set, so every new delivery of a job has an id of its own. */
export function deliveryIdOf(job: Delivery): string {
  return job.delivery === 1 ? (job.foreignId ?? job.id) : `${job.id}.${job.delivery}`;
}

export interface BullMqJob {
  name: string;
  data: unknown;
  opts: JobsOptions & DeliveryMark;
}

/** The delivery of a job: name = its type, data = its input, as any BullMQ user expects. */
export function toBullMqJob(row: JobRow): BullMqJob {
  return {
    name: row.type,
    data: row.input,
    opts: {
      jobId: deliveryIdOf(row),
      attempts: row.maxAttempts,
      timestamp: row.createdAt.getTime(),
      // Below 0: BullMQ's prioritized set, which it serves after `wait`. Above 0: see moveForward.
      ...(row.priority < 0 ? { priority: -row.priority } : {}),
      longshore: { p: row.priority },
    },
  };
}

/** The job and delivery that one of our BullMQ ids names; undefined for an id that is none of ours. */
export function readDeliveryId(key: string): { jobId: string; delivery: number } | undefined {
  const [jobId = '', delivery = '1'] = key.split('.');
  return isId(jobId) && /^\d{1,9}$/.test(delivery) ? { jobId, delivery: Number(delivery) } : undefined;
}

/** Whether the options of a BullMQ job say that we added it. */
export function isMarked(opts: JobsOptions): boolean {
  return (opts as DeliveryMark).longshore !== undefined;
}

/** What a worker was given: a delivery of ours, or a job that another producer added. */
export function toOffer(queue: string, job: Job): Offer {
  const id = job.id ?? '';
  const ours = isMarked(job.opts) ? readDeliveryId(id) : undefined;
  if (ours) {
    return {
      jobId: ours.jobId,
      queue,
      fence: fenceOf(ours.delivery, job.attemptsStarted),
      row: undefined,
      foreign: undefined,
    };
  }
  return {
    jobId: id,
    queue,
    fence: fenceOf(1, job.attemptsStarted),
    row: undefined,
    foreign: {
      name: job.name,
      data: job.data,
      attempts: toWhole(job.opts.attempts),
      priority: -Math.min(toWhole(job.priority) ?? 0, 100),
      addedAtMs: job.timestamp,
    },
  };
}

// Other producers may set anything, e.g. half an attempt.
function toWhole(value: unknown): number | undefined {
  const whole = Math.trunc(Number(value));
  return whole >= 1 && whole <= 2_147_483_647 ? whole : undefined;
}
