import { isTerminal, type JobStatus } from '../contract/job.ts';
import { AppError } from '../shared/errors.ts';
import { endsWithin } from '../shared/time.ts';
import type { JobHead, JobRow } from '../store/job-row.ts';
import { inTransaction } from '../store/store.ts';
import type { Applied, Transition } from '../store/transitions.ts';
import { recordAudit } from './audit.ts';
import type { Caller, Engine } from './engine.ts';
import { requireJob } from './inquire.ts';
import { announceFreed } from './places.ts';
import { toOutboxEntry } from './webhook-body.ts';

export const CANCELLABLE: readonly JobStatus[] = ['scheduled', 'queued', 'processing', 'waiting', 'retrying'];
/** How long a transport may take before nobody waits for it any more: it does as it is told when it is back. */
const TRANSPORT_GRACE_MS = 200;
const EXPIRABLE: readonly JobStatus[] = ['scheduled', 'queued'];

/**
 * Cancels a job that has not ended. A running one is told through its signal; what it returns later is discarded.
 * @returns the cancelled job
 * @throws NOT_FOUND, JOB_TERMINAL when it ended first, STORE_UNAVAILABLE
 */
export async function cancelJob(engine: Engine, caller: Caller, id: string): Promise<JobRow> {
  const job = await requireJob(engine, caller, id);
  const ended = await inTransaction(engine.store, async (store) => {
    const applied = await store.transitions.apply([toCancellation(engine, job)]);
    const { tenant, type } = job;
    if (applied.length > 0) {
      await recordAudit(store, caller, { action: 'job.cancel', target: id, tenant, details: { type } });
    }
    return applied;
  });
  if (ended.length === 0) throw terminal(await requireJob(engine, caller, id));
  await announceEnded(engine, [job], ended);
  return requireJob(engine, caller, id);
}

/** Ends jobs that were not started in time. @returns how many ended */
export async function expireJobs(engine: Engine, limit: number): Promise<number> {
  const jobs = await engine.store.expiry.findExpired(limit);
  if (jobs.length === 0) return 0;
  const ended = await engine.store.transitions.apply(
    jobs.map((job) => endWithoutRun(engine, job, 'expired', EXPIRABLE)),
  );
  await announceEnded(engine, jobs, ended);
  return ended.length;
}

/** The cancel of a job, for `transitions.apply`. */
export function toCancellation(engine: Engine, job: JobHead): Transition {
  return endWithoutRun(engine, job, 'cancelled', CANCELLABLE);
}

/**
 * Tells of jobs that were ended from outside, once that is committed: those who wait for them, their runs, the sender of
 * webhooks, and their transports.
 */
export async function announceEnded(
  engine: Engine,
  jobs: readonly JobHead[],
  ended: readonly Applied[],
): Promise<void> {
  const byId = new Map(ended.map((each) => [each.id, each]));
  const told = jobs.filter((job) => byId.has(job.id));
  const idsOf = (some: readonly JobHead[]) => some.map((job) => job.id);
  engine.signals.publish('changed', idsOf(told));
  engine.signals.publish('webhook', idsOf(told.filter((job) => byId.get(job.id)?.hasDeliveries)));
  engine.signals.publish('cancel', idsOf(told.filter((job) => byId.get(job.id)?.fromStatus === 'processing')));
  if (told.length > 0) engine.waker.wake();
  if (told.some(({ scheduleId }) => scheduleId !== null)) engine.scheduler.wake();
  if (told.some(({ batchId }) => batchId)) engine.batchWaker.wake();
  announceFreed(engine, told);
  // The record has ended them: a Redis that is away holds up neither a cancel nor what expires next.
  await endsWithin(Promise.all(told.map((job) => removeDelivery(engine, job, byId.get(job.id)))), TRANSPORT_GRACE_MS);
}

/**
 * Stops or starts the taking of jobs of a queue everywhere. Jobs that run go on.
 * @throws NOT_FOUND, STORE_UNAVAILABLE
 */
export async function setQueuePaused(engine: Engine, caller: Caller, queue: string, isPaused: boolean): Promise<void> {
  if (!engine.registry.queues.has(queue)) throw new AppError('NOT_FOUND', `there is no queue "${queue}"`);
  await inTransaction(engine.store, async (store) => {
    await store.overview.setPaused(queue, isPaused); // the record first
    await recordAudit(store, caller, { action: isPaused ? 'queue.pause' : 'queue.resume', target: queue });
  });
  if (!isPaused) engine.dispatcher.wake(); // jobs of tenants with a limit were not handed over
  const told = engine.transports.of(queue).setPaused(queue, isPaused);
  if (await endsWithin(told, TRANSPORT_GRACE_MS)) return;
  const log = (error?: unknown) =>
    engine.log.warn('BullMQ has yet to hear that a queue was paused or resumed', { queue, error });
  log();
  told.catch(log);
}

// Best effort: a delivery that stays behind finds no runnable job when it is taken. What was handed over is known from the
// change itself: the job may have been handed over, or anew, since it was read.
async function removeDelivery(engine: Engine, job: JobHead, ended: Applied | undefined): Promise<void> {
  if (!ended?.isHandedOver) return;
  try {
    await engine.transports.of(job.queue).remove({ ...job, delivery: ended.delivery });
  } catch (error) {
    engine.log.debug('the delivery of an ended job stays until a worker meets it', { jobId: job.id, error });
  }
}

function endWithoutRun(
  engine: Engine,
  job: JobHead,
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
