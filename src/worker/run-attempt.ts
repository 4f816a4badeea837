import type { JobDefinition } from '../define/job.ts';
import type { Services } from '../define/services.ts';
import { adoptJob } from '../engine/adopt.ts';
import type { Engine } from '../engine/engine.ts';
import { keyWindowMsOf } from '../engine/gatekeeper.ts';
import { type Finished, finishAttempt, MAX_RESCUES, type OpenResult, type RunResult } from '../engine/outcome.ts';
import type { Offer, Verdict } from '../queue/transport.ts';
import { AppError, isAppError } from '../shared/errors.ts';
import { pause } from '../shared/time.ts';
import type { JobRow } from '../store/job-row.ts';
import { jobScope } from '../telemetry/job-scope.ts';
import { execute } from './execute.ts';
import type { HandlerPool } from './isolation/handler-pool.ts';
import { createFileRecorder, createJobContext, createRunFiles } from './job-context.ts';
import type { Journal, RunJournal } from './journal.ts';
import { PipelineRun } from './pipeline-run.ts';
import { RunAborted } from './run-aborted.ts';
import type { RunningJobs } from './running-jobs.ts';

export interface AttemptOptions {
  engine: Engine;
  worker: string;
  services: Services;
  journal: Journal;
  running: RunningJobs;
  /** Where handlers run that have to be apart; made with the first of them. */
  getHandlerPool: () => Promise<HandlerPool>;
  /** Called when the record could not be reached: then it makes no sense to take further jobs. */
  onStoreAway: () => void;
  /** Whether the record knows that this worker lives. */
  hasLease: () => boolean;
}

/** Made once: the stack of each would cost more than many a job. */
const RUN_OVER = new RunAborted('superseded');
/** The largest result of a step, as JSON. */
const STEP_OUTPUT_BYTES = 1_048_576;

/**
 * Runs one attempt of one job, from the transport's offer to the order that it gets back. Never rejects.
 * @param onHandled called once, before the end is recorded
 */
export async function runAttempt(options: AttemptOptions, offer: Offer, onHandled: () => void): Promise<Verdict> {
  const { engine } = options;
  let release = () => {};
  try {
    const begun = await untilStoreAnswers(options, BEGIN_PATIENCE_MS, () => begin(options, offer));
    if ('verdict' in begun) return begun.verdict;
    release = options.running.hold(begun.job);
    const begunAtMs = performance.now(); // the job's own times are of the database's clock
    const result = await run(options, offer, begun);
    onHandled();
    if (result.kind === 'suspended') return { kind: 'suspended' };
    if (result.kind === 'superseded') return { kind: 'discarded' };
    const finished = await untilStoreAnswers(options, Infinity, (isRepeat) =>
      finish(engine, begun.job, result, isRepeat),
    );
    tell(engine, begun.job, result, finished, Math.round(performance.now() - begunAtMs));
    return finished.verdict;
  } catch (error) {
    engine.log.error('a run could not be recorded; it will be repeated', {
      jobId: offer.jobId,
      queue: offer.queue,
      error,
    });
    return { kind: 'unrecorded', delayMs: 1000 };
  } finally {
    release();
  }
}

interface Begun {
  job: JobRow;
  fault: string | undefined;
}

/** Records the start, unless taking the job did that already. */
async function begin(options: AttemptOptions, offer: Offer): Promise<Begun | { verdict: Verdict }> {
  const { engine, worker, running, hasLease } = options;
  if (offer.row) {
    engine.gatekeeper.noteStart(offer.row);
    return { job: offer.row, fault: undefined };
  }
  // BullMQ hands out what it was fetching when the worker was suspended; others would take such a run for lost.
  if (!hasLease()) throw new AppError('STORE_UNAVAILABLE', 'the worker could not say that it lives');
  const adopted = offer.foreign ? await adoptJob(engine, offer.queue, offer.jobId, offer.foreign) : undefined;
  const jobId = adopted?.id ?? offer.jobId;
  // A Redis that was away, or went back to an earlier state, offers again what runs here.
  if (running.holds({ id: jobId, fence: offer.fence })) return { verdict: { kind: 'discarded' } };
  const windowMs = keyWindowMsOf(engine, offer.queue);
  const job = await engine.writes.start({ id: jobId, fence: offer.fence, worker, windowMs });
  engine.dispatcher.noteStart(offer.queue);
  if (job) {
    engine.gatekeeper.noteStart(job);
    return { job, fault: adopted?.fault };
  }
  const earlyMs = await engine.store.transitions.parkEarly(jobId, offer.fence);
  if (earlyMs !== undefined) {
    engine.dispatcher.wakeAt(engine.clock.now() + earlyMs);
    return { verdict: { kind: 'later', delayMs: earlyMs, isParked: true } };
  }
  engine.log.debug('a delivery has nothing to run: the job has ended, or a newer delivery or run is under way', {
    jobId,
  });
  return { verdict: { kind: 'discarded' } };
}

async function run(options: AttemptOptions, offer: Offer, { job, fault }: Begun): Promise<RunResult> {
  const { engine, running } = options;
  engine.signals.publish('changed', [job.id]);
  if (job.rescues >= MAX_RESCUES) return { kind: 'worker_lost' };
  const definition = engine.registry.definitions.get(job.type);
  if (!definition) {
    const ageMs = engine.clock.now() - job.createdAt.getTime();
    return offer.foreign ? { kind: 'unknown_type' } : { kind: 'not_known_here', ageMs };
  }
  if (fault !== undefined) return { kind: 'invalid_input', error: new Error(fault) };

  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const startClock = () => {
    timer = setTimeout(() => abort.abort(new RunAborted('timeout')), job.timeoutMs);
  };
  if (definition.isolation === 'none') startClock();
  const close = running.open(job, abort);
  try {
    return await executeWithJournal(options, definition, job, { signal: abort.signal, onStarted: startClock });
  } finally {
    clearTimeout(timer);
    close();
    // A handler that has not returned yet must learn that its run is over.
    if (!abort.signal.aborted) abort.abort(RUN_OVER);
  }
}

async function executeWithJournal(
  options: AttemptOptions,
  definition: JobDefinition,
  job: JobRow,
  { signal, onStarted }: { signal: AbortSignal; onStarted: () => void },
): Promise<RunResult> {
  const { engine, services, journal, running, getHandlerPool } = options;
  const runJournal = journal.open({ jobId: job.id, fence: job.fence, attempt: job.attempt });
  const log = engine.log.child({ jobId: job.id, type: job.type, queue: job.queue, attempt: job.attempt });
  log.debug('started');
  const pipeline = definition.isPipeline ? await openPipeline(options, job, runJournal) : undefined;
  if (definition.isPipeline && !pipeline) return { kind: 'superseded' };
  const files = createRunFiles(engine, job, signal);
  const context = createJobContext({ engine, job, services, signal, journal: runJournal, log, files, pipeline });
  const call: JobDefinition['run'] = async (input, ctx) => {
    if (definition.isolation === 'none') return definition.run(input, ctx);
    const recordFile = createFileRecorder(engine, job);
    return (await getHandlerPool()).run(definition, input, ctx, { fence: job.fence, recordFile, onStarted });
  };
  const result = await jobScope.run({ jobId: job.id, type: job.type, attempt: job.attempt }, () =>
    execute(definition, job.input, context, {
      known: engine.registry,
      call,
      maxOutputBytes: maxOutputBytesOf(engine, job),
      pipeline,
      onCalled: (returned) => {
        // A pipeline that was suspended never comes back, and the pool waits for its own.
        if (!definition.isPipeline && definition.isolation === 'none') running.track(returned);
      },
    }),
  );
  pipeline?.close();
  await files.close().catch((error: unknown) => log.warn('copies of files could not be removed', { error }));
  await runJournal.flush(); // what the run said is stored before its end is
  return result;
}

function openPipeline(options: AttemptOptions, job: JobRow, journal: RunJournal): Promise<PipelineRun | undefined> {
  return PipelineRun.open({
    engine: options.engine,
    job,
    persist: (work) => untilStoreAnswers(options, Infinity, work),
    flush: () => journal.flush(),
  });
}

// A pipeline reads the results of all its steps at once.
function maxOutputBytesOf({ settings }: Engine, { stepKey }: JobRow): number {
  return stepKey === null ? settings.maxOutputBytes : Math.min(settings.maxOutputBytes, STEP_OUTPUT_BYTES);
}

/** Writes the end; one that the record refuses (no fault of the connection) fails the job instead of leaving it open. */
async function finish(engine: Engine, job: JobRow, result: OpenResult, isRepeat: boolean): Promise<Finished> {
  try {
    return await finishAttempt(engine, job, result, { isRepeat });
  } catch (error) {
    if (isAppError(error, 'STORE_UNAVAILABLE')) throw error;
    return finishAttempt(
      engine,
      job,
      {
        kind: 'invalid_output',
        error: new Error('the end of the run could not be recorded', { cause: error }),
      },
      { isRepeat },
    );
  }
}

/** A delivery that cannot be started is given back by then: another worker may reach the record. */
const BEGIN_PATIENCE_MS = 5000;
const RETRY_MS = [50, 200, 500, 1000, 2000];

/**
 * Tries a write again while the database is away.
 * @param patienceMs what has run is worth waiting for without end, what has not is not
 * @param write is told whether an earlier try may have been committed without an answer
 */
async function untilStoreAnswers<T>(
  { engine, running, onStoreAway }: AttemptOptions,
  patienceMs: number,
  write: (isRepeat: boolean) => Promise<T>,
): Promise<T> {
  const startedAtMs = performance.now();
  for (let failures = 0; ; failures += 1) {
    try {
      return await write(failures > 0);
    } catch (error) {
      if (!isAppError(error, 'STORE_UNAVAILABLE')) throw error;
      onStoreAway();
      if (running.isClosed || performance.now() - startedAtMs > patienceMs) throw error;
      if (failures === 0) engine.log.warn('the database does not answer; a run waits to be recorded', { error });
      await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 2000);
    }
  }
}

function tell(
  engine: Engine,
  job: JobRow,
  result: OpenResult,
  { outcome, isApplied }: Finished,
  durationMs: number,
): void {
  const fields = { jobId: job.id, type: job.type, queue: job.queue, attempt: job.attempt, durationMs };
  const error = 'error' in result ? result.error : 'error' in outcome ? outcome.error : undefined;
  if (!isApplied) {
    engine.log.info('a late result was discarded: the job was cancelled, has ended, or runs elsewhere', fields);
  } else if (outcome.to === 'completed') {
    engine.log.info('completed', fields);
  } else if (outcome.to === 'failed') {
    engine.log.error(`failed: ${outcome.reason}`, { ...fields, error });
  } else if (outcome.to === 'retrying') {
    engine.log.warn(`failed; trying again in ${outcome.delayMs} ms`, { ...fields, error });
  } else if (result.kind === 'not_known_here') {
    engine.log.error(`this worker has no job type "${job.type}"; the job waits for one that has`, fields);
  } else {
    engine.log.info(outcome.to === 'queued' ? 'put back' : `snoozed for ${outcome.delayMs} ms`, fields);
  }
}
