import type { JobReason, JobStatus } from '../contract/job.ts';
import {
  isSignal,
  NonRetryableError,
  PipelineChangedError,
  RetryLaterError,
  SnoozeSignal,
  StepError,
} from '../define/errors.ts';
import type { BackoffFunction } from '../define/job.ts';
import type { Verdict } from '../queue/transport.ts';
import { type Backoff, computeBackoffMs, DEFAULT_BACKOFF } from '../shared/backoff.ts';
import { type Failure, toFailure } from '../shared/failure.ts';
import { RUNS_PER_DELIVERY } from '../store/fence.ts';
import type { JobRow } from '../store/job-row.ts';
import type { Applied, Transition } from '../store/transitions.ts';
import type { Engine } from './engine.ts';
import { fingerprintOf } from './fingerprint.ts';
import { keyWindowMsOf } from './gatekeeper.ts';
import { announceFreed } from './places.ts';
import { toOutboxEntry, wantsWebhook } from './webhook-body.ts';

/** How a run ended, before anything is decided. */
export type RunResult =
  | { kind: 'returned'; output: string }
  | { kind: 'threw'; error: unknown }
  | { kind: 'timed_out' }
  | { kind: 'stopped' }
  | { kind: 'invalid_input'; error: unknown }
  | { kind: 'invalid_output'; error: unknown }
  | { kind: 'unknown_type' }
  /** How old the job is. */
  | { kind: 'not_known_here'; ageMs: number }
  | { kind: 'worker_lost' }
  /** A pipeline that waits for its steps; the record has it already. */
  | { kind: 'suspended' }
  /** A run that the record has given up. */
  | { kind: 'superseded' };

/** Those whose end is still to be recorded. */
export type OpenResult = Exclude<RunResult, { kind: 'suspended' | 'superseded' }>;

/** What becomes of the job. */
export type Outcome =
  | { to: 'completed'; output: string }
  | { to: 'failed'; reason: JobReason; error: Failure }
  | { to: 'retrying'; delayMs: number; error: Failure }
  | { to: 'scheduled'; delayMs: number }
  | { to: 'queued' };

/** A job that takes its worker down this often fails rather than circling for ever. */
export const MAX_RESCUES = 3;
/** How long a job waits for a worker that knows its type: a tenth of its age, within these bounds. */
const UNKNOWN_TYPE_MIN_MS = 5000;
const UNKNOWN_TYPE_MAX_MS = 600_000;

export type RunJob = Pick<JobRow, 'type' | 'attempt' | 'maxAttempts' | 'timeoutMs' | 'rescues'> & {
  backoff: Backoff | BackoffFunction;
};

/**
 * Decides what a run's end means: the only place where an attempt is judged. Pure.
 * @param random 0 ≤ random < 1, for the jitter of the backoff
 */
export function decideOutcome(job: RunJob, result: OpenResult, random: number): Outcome {
  switch (result.kind) {
    case 'returned':
      return { to: 'completed', output: result.output };
    case 'stopped':
      return { to: 'queued' };
    case 'not_known_here':
      return { to: 'scheduled', delayMs: waitForTypeMs(result.ageMs) };
    case 'unknown_type':
      return {
        to: 'failed',
        reason: 'unknown_type',
        error: named('UnknownTypeError', `no job type is called "${job.type}"`),
      };
    case 'invalid_input':
      return { to: 'failed', reason: 'invalid_input', error: toFailure(result.error) };
    case 'invalid_output':
      return { to: 'failed', reason: 'non_retryable', error: toFailure(result.error) };
    case 'worker_lost':
      return {
        to: 'failed',
        reason: 'worker_lost',
        error: named('WorkerLostError', `the worker that ran this job was lost ${job.rescues} times`),
      };
    case 'timed_out':
      return decideRetry(
        job,
        named('TimeoutError', `the attempt took longer than ${job.timeoutMs} ms`),
        'timeout',
        undefined,
        random,
      );
    case 'threw':
      return decideThrown(job, result.error, random);
  }
}

// Longer and longer: each time leaves a line in the job's history.
function waitForTypeMs(ageMs: number): number {
  return Math.round(Math.min(UNKNOWN_TYPE_MAX_MS, Math.max(UNKNOWN_TYPE_MIN_MS, ageMs / 10)));
}

function decideThrown(job: RunJob, thrown: unknown, random: number): Outcome {
  if (isSignal(thrown, SnoozeSignal)) return { to: 'scheduled', delayMs: thrown.delayMs };
  if (isSignal(thrown, NonRetryableError)) return { to: 'failed', reason: 'non_retryable', error: toFailure(thrown) };
  // Its steps have had attempts of their own, and another run would only read the same from the record.
  if (isSignal(thrown, StepError)) return { to: 'failed', reason: 'step_failed', error: toFailure(thrown) };
  if (isSignal(thrown, PipelineChangedError)) {
    return { to: 'failed', reason: 'pipeline_changed', error: toFailure(thrown) };
  }
  return decideRetry(job, toFailure(thrown), 'attempts_exhausted', thrown, random);
}

function decideRetry(job: RunJob, error: Failure, lastReason: JobReason, thrown: unknown, random: number): Outcome {
  if (job.attempt >= job.maxAttempts) return { to: 'failed', reason: lastReason, error };
  // A time that is none (NaN, Infinity) must not cost the job its attempts: its own backoff decides then.
  if (isSignal(thrown, RetryLaterError) && Number.isFinite(thrown.delayMs)) {
    return { to: 'retrying', delayMs: wholeMs(thrown.delayMs), error };
  }
  if (typeof job.backoff !== 'function') {
    return { to: 'retrying', delayMs: computeBackoffMs(job.backoff, job.attempt, random), error };
  }
  try {
    return { to: 'retrying', delayMs: wholeMs(job.backoff(job.attempt, thrown)), error };
  } catch (cause) {
    const fault = named('BackoffError', 'the backoff function of the job threw');
    return { to: 'failed', reason: 'non_retryable', error: { ...fault, cause: { ...toFailure(cause), cause: error } } };
  }
}

const MAX_DELAY_MS = 366 * 24 * 3_600_000;

function wholeMs(value: number): number {
  if (!Number.isFinite(value)) throw new TypeError(`a backoff must be a number of milliseconds, not ${value}`);
  return Math.min(MAX_DELAY_MS, Math.max(0, Math.round(value)));
}

function named(name: string, message: string): Failure {
  return { name, message };
}

/** What the engine tells of a finished run: the transport's orders, and whether the record took it. */
export interface Finished {
  outcome: Outcome;
  /** False when a newer run, a cancel or another end was first: then nothing was changed. */
  isApplied: boolean;
  verdict: Verdict;
}

/**
 * Decides the end of a run and writes it, guarded by its fence, before any transport hears of it.
 * @throws STORE_UNAVAILABLE; the caller tries again, with `isRepeat`: the change may have been made without an answer
 */
export async function finishAttempt(
  engine: Engine,
  job: JobRow,
  result: OpenResult,
  { isRepeat }: { isRepeat: boolean },
): Promise<Finished> {
  const backoff = job.backoff ?? engine.registry.definitions.get(job.type)?.backoff ?? DEFAULT_BACKOFF;
  const outcome = decideOutcome({ ...job, backoff }, result, Math.random());
  const isParked =
    'delayMs' in outcome ? waitsInRecord(engine, job) : outcome.to === 'queued' && isCounted(engine, job);
  const written = await write(engine, job, outcome, isParked);
  const isApplied = written !== undefined || (isRepeat && (await isWritten(engine, job, outcome)));
  if (!isApplied) return { outcome, isApplied, verdict: { kind: 'discarded' } };
  announce(engine, job, outcome, written?.hasDeliveries ?? true);
  return { outcome, isApplied, verdict: toVerdict(outcome, isParked) };
}

/**
 * Whether a job of BullMQ waits for its next run in Postgres: when BullMQ's delayed set has no room, for a job of positive
 * priority, which BullMQ would put at the end of its queue, for one that gives up its place among those of its key or tenant, and before the runs of one delivery can no longer be numbered.
 */
function waitsInRecord(engine: Engine, job: JobRow): boolean {
  if (!engine.transports.of(job.queue).held) return false;
  return (
    job.priority > 0 ||
    job.concurrencyKey !== null ||
    engine.limits.isRunningLimited(job.tenant) ||
    job.fence % RUNS_PER_DELIVERY > RUNS_PER_DELIVERY / 2 ||
    !engine.dispatcher.reserveDelayed(job.queue)
  );
}

/** Whether its start was counted in a window of its key: the next one has to wait for its turn, as any other. */
function isCounted(engine: Engine, { queue, concurrencyKey }: JobRow): boolean {
  return concurrencyKey !== null && keyWindowMsOf(engine, queue) !== null;
}

/** @returns undefined when the record did not take it */
async function write(
  engine: Engine,
  job: JobRow,
  outcome: Outcome,
  isParked: boolean,
): Promise<Pick<Applied, 'hasDeliveries'> | undefined> {
  if (outcome.to === 'completed' && isQuiet(engine, job)) {
    const isCompleted = await engine.writes.complete({ id: job.id, fence: job.fence, output: outcome.output });
    if (isCompleted) return { hasDeliveries: false };
    // Somebody was first, or has subscribed since this process looked: the same guards tell.
  }
  return engine.writes.apply(toTransition(engine, job, outcome, isParked));
}

/** Whether nothing follows from the job's completion, as far as this process knows. */
function isQuiet(engine: Engine, job: JobRow): boolean {
  return !isPartOfPipeline(engine, job) && !wantsWebhook(job, 'completed') && !engine.subscribers.hasOf(job.tenant);
}

function isPartOfPipeline(engine: Engine, job: JobRow): boolean {
  return job.stepKey !== null || engine.registry.definitions.get(job.type)?.isPipeline === true;
}

async function isWritten(engine: Engine, { id, fence }: JobRow, outcome: Outcome): Promise<boolean> {
  const now = await engine.store.jobs.get('all', id);
  return now?.fence === fence && now.status === outcome.to;
}

function announce(engine: Engine, job: JobRow, outcome: Outcome, hasDeliveries: boolean): void {
  engine.signals.publish('changed', [job.id]);
  if (isTerminalOutcome(outcome.to)) {
    if (hasDeliveries) engine.signals.publish('webhook', [job.id]);
    if (isPartOfPipeline(engine, job)) engine.waker.wake();
    if (job.scheduleId !== null) engine.scheduler.wake();
    if (job.batchId) engine.batchWaker.wake();
  }
  announceFreed(engine, [job]);
  if (outcome.to === 'queued' && !engine.transports.of(job.queue).held) engine.signals.publish('work', [job.queue]);
  if ('delayMs' in outcome) engine.dispatcher.wakeAt(engine.clock.now() + outcome.delayMs);
}

const historyOf: Record<Outcome['to'], Transition['outcome']> = {
  completed: null,
  failed: 'failed',
  retrying: 'retrying',
  scheduled: 'put_back',
  queued: 'put_back',
};

function toTransition(engine: Engine, job: JobRow, outcome: Outcome, isParked: boolean): Transition {
  const error = 'error' in outcome ? { ...outcome.error, attempt: job.attempt } : null;
  const reason = outcome.to === 'failed' ? outcome.reason : null;
  const output = outcome.to === 'completed' ? outcome.output : null;
  return {
    id: job.id,
    from: ['processing'],
    fence: job.fence,
    to: outcome.to,
    reason,
    output,
    error,
    delayMs: 'delayMs' in outcome ? outcome.delayMs : null,
    isParked,
    fingerprint: outcome.to === 'failed' ? fingerprintOf(job.type, outcome.error) : null,
    attemptsBack: outcome.to === 'queued' || outcome.to === 'scheduled' ? 1 : 0,
    outcome: historyOf[outcome.to],
    webhook: isTerminalOutcome(outcome.to)
      ? toOutboxEntry(job, { status: outcome.to, reason, error, output }, engine.clock.now())
      : null,
  };
}

function isTerminalOutcome(to: JobStatus): to is 'completed' | 'failed' {
  return to === 'completed' || to === 'failed';
}

function toVerdict(outcome: Outcome, isParked: boolean): Verdict {
  switch (outcome.to) {
    case 'completed':
      return { kind: 'completed', output: JSON.parse(outcome.output) };
    case 'failed':
      return { kind: 'failed', error: outcome.error };
    case 'retrying':
      return { kind: 'retry', delayMs: outcome.delayMs, error: outcome.error, isParked };
    case 'scheduled':
      return { kind: 'later', delayMs: outcome.delayMs, isParked };
    case 'queued':
      return { kind: isParked ? 'discarded' : 'put_back' };
  }
}
