import { isTerminal, type JobStatus } from '../contract/job.ts';
import { AppError } from '../shared/errors.ts';
import type { JobRow } from '../store/job-row.ts';
import type { Transition } from '../store/transitions.ts';
import type { Caller, Engine } from './engine.ts';
import { requireJob } from './inquire.ts';
import { toOutboxEntry } from './webhook-body.ts';

const CANCELLABLE: readonly JobStatus[] = ['scheduled', 'queued', 'processing', 'waiting', 'retrying'];
const EXPIRABLE: readonly JobStatus[] = ['scheduled', 'queued'];

/**
 * Cancels a job that has not ended. A running one is told through its signal; what it returns later is discarded.
 * @returns the cancelled job
 * @throws NOT_FOUND, JOB_TERMINAL when it ended first, STORE_UNAVAILABLE
 */
export async function cancelJob(engine: Engine, caller: Caller, id: string): Promise<JobRow> {
  const job = await requireJob(engine, caller, id);
  const [applied] = await engine.store.transitions.apply([endWithoutRun(engine, job, 'cancelled', CANCELLABLE)]);
  if (!applied) throw terminal(await requireJob(engine, caller, id));
  engine.signals.publish('changed', [id]);
  if (job.webhook) engine.signals.publish('webhook', [id]);
  if (applied.fromStatus === 'processing') engine.signals.publish('cancel', [id]);
  await removeDelivery(engine, job);
  return requireJob(engine, caller, id);
}

/** Ends jobs that were not started in time. @returns how many ended */
export async function expireJobs(engine: Engine, limit: number): Promise<number> {
  const jobs = await engine.store.expiry.findExpired(limit);
  if (jobs.length === 0) return 0;
  const applied = await engine.store.transitions.apply(
    jobs.map((job) => endWithoutRun(engine, job, 'expired', EXPIRABLE)),
  );
  engine.signals.publish(
    'changed',
    applied.map((each) => each.id),
  );
  const ended = new Set(applied.map((each) => each.id));
  await Promise.all(jobs.filter((job) => ended.has(job.id)).map((job) => removeDelivery(engine, job)));
  return applied.length;
}

/** Stops or starts the taking of jobs of a queue everywhere. Jobs that run go on. */
export async function setQueuePaused(engine: Engine, queue: string, isPaused: boolean): Promise<void> {
  if (!engine.registry.queues.has(queue)) throw new AppError('NOT_FOUND', `there is no queue "${queue}"`);
  await engine.store.overview.setPaused(queue, isPaused); // the record first
  await engine.transports.of(queue).setPaused(queue, isPaused);
}

// Best effort: a delivery that stays behind finds no runnable job when it is taken.
async function removeDelivery(engine: Engine, job: JobRow): Promise<void> {
  if (job.dispatchedAt === null) return;
  try {
    await engine.transports.of(job.queue).remove(job);
  } catch (error) {
    engine.log.debug('the delivery of an ended job stays until a worker meets it', { jobId: job.id, error });
  }
}

function endWithoutRun(
  engine: Engine,
  job: JobRow,
  to: 'cancelled' | 'expired',
  from: readonly JobStatus[],
): Transition {
  return {
    id: job.id,
    from,
    fence: to === 'expired' ? job.fence : null, // a job that has run meanwhile no longer expires
    to,
    reason: null,
    output: null,
    error: null,
    delayMs: null,
    isParked: false,
    fingerprint: null,
    attemptsBack: 0,
    outcome: to === 'cancelled' ? 'cancelled' : null,
    webhook: toOutboxEntry(job, { status: to, reason: null, error: job.error, output: null }, engine.clock.now()),
  };
}

function terminal(job: JobRow): AppError {
  const state = isTerminal(job.status) ? `has already ended as ${job.status}` : `is ${job.status}`;
  return new AppError('JOB_TERMINAL', `job ${job.id} ${state}`);
}
