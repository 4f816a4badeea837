import { isTerminal, type JobEvent } from '../contract/job.ts';
import { eventIdOf, SEQ_RETRYING, SEQ_TERMINAL, SEQ_WAITING } from '../store/fence.ts';
import type { JobRow } from '../store/job-row.ts';
import type { RunRow, StoredLogLine } from '../store/journal.ts';
import type { Caller, Engine } from './engine.ts';
import { etaMsOf } from './eta.ts';
import { requireJob } from './inquire.ts';
import type { JobProgress } from './pipelines/estimate-progress.ts';
import { progressOf } from './pipelines/progress.ts';

const BATCH = 1000;
const RECHECK_MS = 5000;
const EVENTS_PER_RUN = eventIdOf(1, 0);

/**
 * A job's events in order: those after `afterId` from the record, then each as it happens, up to the terminal one.
 * Nothing is stored for it: events are read from the job, its attempts and its lines, so any process can resume any stream.
 * @throws NOT_FOUND
 */
export async function* streamEvents(
  engine: Engine,
  caller: Caller,
  id: string,
  afterId: number,
  signal: AbortSignal,
): AsyncGenerator<JobEvent> {
  const watch = engine.watcher.watch(id);
  try {
    for (let lastId = afterId; !signal.aborted; ) {
      const job = await requireJob(engine, caller, id);
      const { events, isComplete } = await readEvents(engine, job, lastId);
      for (const event of events) {
        yield event;
        lastId = event.id;
      }
      if (!isComplete) continue;
      if (isTerminal(job.status)) return;
      await watch.changed(RECHECK_MS, signal);
    }
  } finally {
    watch.close();
  }
}

/** Whether a reader that knows the event `afterId` has seen the end of a job. */
export function isAfterEnd(job: JobRow, afterId: number): boolean {
  return isTerminal(job.status) && afterId >= eventIdOf(job.fence, SEQ_TERMINAL);
}

async function readEvents(
  engine: Engine,
  job: JobRow,
  afterId: number,
): Promise<{ events: JobEvent[]; isComplete: boolean }> {
  const fence = Math.floor(afterId / EVENTS_PER_RUN);
  // In this order: a run's lines are stored before its end, so an attempt that is seen here has none left to be told.
  const attempts = await engine.store.journal.runs(job.id, fence - 1, BATCH);
  const lines = await engine.store.journal.logs(job.id, { fence, seq: afterId % EVENTS_PER_RUN }, BATCH);
  const progress = job.progressSeq > SEQ_WAITING ? await progressOf(engine, job) : undefined;
  // Runs that began since the job was read are told at the next look, which knows their start.
  const [lastAttempt, lastLine] = [attempts.at(-1), lines.at(-1)];
  const hasNewerRun = Math.max(lastAttempt?.fence ?? 0, lastLine?.fence ?? 0) > job.fence;
  // What lies beyond a full batch comes before the end, so the end waits for the next batch.
  const upTo = Math.min(
    eventIdOf(job.fence, SEQ_TERMINAL),
    attempts.length === BATCH && lastAttempt ? eventIdOf(lastAttempt.fence, SEQ_RETRYING) : Infinity,
    lines.length === BATCH && lastLine ? eventIdOf(lastLine.fence, lastLine.seq) : Infinity,
  );
  return {
    events: toEvents(job, attempts, lines, progress).filter(({ id }) => id > afterId && id <= upTo),
    isComplete: attempts.length < BATCH && lines.length < BATCH && !hasNewerRun,
  };
}

/**
 * Everything that is known of a job, as events in order. Pure.
 * @param progress where more is known of it than the job's own row says
 */
export function toEvents(
  job: JobRow,
  attempts: readonly RunRow[],
  lines: readonly StoredLogLine[],
  progress: JobProgress = { percent: job.progressPercent, etaMs: etaMsOf(job) },
): JobEvent[] {
  const runAt = attempts.length === 0 ? { runAt: iso(job.runAt) } : {}; // an attempt has moved it since
  const events: JobEvent[] = [
    { id: 1, type: 'job.queued', data: { status: 'queued', at: iso(job.createdAt), ...runAt } },
  ];
  for (const attempt of attempts) events.push(...eventsOfAttempt(attempt, job));
  for (const line of lines) {
    const { level, message, fields, attempt } = line;
    events.push({
      id: eventIdOf(line.fence, line.seq),
      type: 'job.log',
      data: { level, message, fields, attempt, at: iso(line.at) },
    });
  }
  const isRunOfRow = job.startedAt !== null && !attempts.some((attempt) => attempt.fence === job.fence);
  if (isRunOfRow) events.push(started(job.fence, job.attempt, job.worker, runStartOf(job)));
  if (job.progressSeq > 0 && job.progressSeq !== SEQ_WAITING) {
    const data = { status: job.status, ...progress, message: job.progressMessage };
    events.push({ id: eventIdOf(job.fence, job.progressSeq), type: 'job.progress', data });
  }
  if (isTerminal(job.status)) events.push(ended(job));
  return events.sort((a, b) => a.id - b.id);
}

function eventsOfAttempt(attempt: RunRow, job: JobRow): JobEvent[] {
  const events = [started(attempt.fence, attempt.attempt, attempt.worker, attempt.startedAt)];
  if (attempt.outcome === 'waiting') {
    const data = { status: 'waiting', at: iso(attempt.finishedAt) };
    return [...events, { id: eventIdOf(attempt.fence, SEQ_WAITING), type: 'job.waiting', data }];
  }
  if (attempt.outcome === 'failed' || attempt.outcome === 'cancelled') {
    // The end of the newest life is told by the job itself; one before it was no end, for the job was run again.
    return attempt.fence === job.fence ? events : [...events, retried(attempt)];
  }
  const id = eventIdOf(attempt.fence, SEQ_RETRYING);
  const runAt = attempt.fence === job.fence ? iso(job.runAt) : null; // a later run has moved it since
  const data = { attempt: attempt.attempt, error: attempt.error, runAt, at: iso(attempt.finishedAt) };
  if (attempt.outcome === 'retrying') return [...events, { id, type: 'job.retrying', data }];
  return [
    ...events,
    { id, type: 'job.queued', data: { status: 'queued', why: attempt.outcome, at: data.at, runAt: data.runAt } },
  ];
}

/** A pipeline that goes on keeps the time of its first start. */
function runStartOf({ startedAt, suspendedAt }: JobRow): Date | null {
  return startedAt && suspendedAt && suspendedAt > startedAt ? suspendedAt : startedAt;
}

function retried({ fence, attempt, error, finishedAt }: RunRow): JobEvent {
  const data = { status: 'queued', why: 'retried', attempt, error, at: iso(finishedAt), runAt: null };
  return { id: eventIdOf(fence, SEQ_TERMINAL), type: 'job.queued', data };
}

function started(fence: number, attempt: number, worker: string | null, at: Date | null): JobEvent {
  return { id: eventIdOf(fence, 0), type: 'job.started', data: { attempt, worker, at: at && iso(at) } };
}

function ended(job: JobRow): JobEvent {
  const data = {
    status: job.status,
    reason: job.reason,
    output: job.output,
    error: job.error,
    attempt: job.attempt,
    at: job.finishedAt && iso(job.finishedAt),
  };
  return { id: eventIdOf(job.fence, SEQ_TERMINAL), type: `job.${job.status}` as JobEvent['type'], data };
}

function iso(date: Date): string {
  return date.toISOString();
}
