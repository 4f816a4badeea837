import type { JobEvent, JobResource, LogLineResource } from '../contract/job.ts';
import type { LiveState } from './progress.ts';

/** A {@link LiveState} in the making: when the present phase began instead of how long it lasts. */
export type WatchState = Omit<LiveState, 'elapsedMs'> & { sinceMs: number; attempt: number; maxAttempts: number };

export function toWatchState(job: JobResource): WatchState {
  const since = job.status === 'processing' ? (job.startedAt ?? job.createdAt) : job.createdAt;
  return {
    status: job.status,
    ...job.progress,
    sinceMs: Date.parse(since),
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
  };
}

/** What the state is after an event; fields that the event does not tell stay as they were. */
export function applyEvent(state: WatchState, event: JobEvent, nowMs: number): WatchState {
  const { data } = event;
  switch (event.type) {
    case 'job.queued': {
      const isDue = (readTime(data, 'runAt') ?? nowMs) <= nowMs;
      return { ...state, status: isDue ? 'queued' : 'scheduled', sinceMs: readTime(data, 'at') ?? nowMs };
    }
    case 'job.started': {
      const attempt = readNumber(data, 'attempt') ?? state.attempt;
      const sinceMs = readTime(data, 'at') ?? nowMs;
      const isNew = state.status !== 'waiting'; // a pipeline goes on
      const percent = isNew ? 0 : state.percent;
      return { ...state, status: 'processing', percent, message: null, etaMs: null, sinceMs, attempt };
    }
    case 'job.progress':
      return {
        ...state,
        status: readText(data, 'status') === 'waiting' ? 'waiting' : 'processing',
        ...readProgress(data),
      };
    case 'job.retrying':
      return { ...state, status: 'retrying', etaMs: null, message: readErrorMessage(data), sinceMs: nowMs };
    case 'job.waiting':
      return { ...state, status: 'waiting', etaMs: null, sinceMs: nowMs };
    default:
      return state;
  }
}

export function readProgress(data: unknown): Pick<LiveState, 'percent' | 'message' | 'etaMs'> {
  // The event carries the progress itself, or the job that it belongs to.
  const source = readField(data, 'progress') ?? data;
  return {
    percent: readNumber(source, 'percent') ?? 0,
    message: readText(source, 'message') ?? null,
    etaMs: readNumber(source, 'etaMs') ?? null,
  };
}

/** A line's id is that of its event. */
export function readLogLine(event: JobEvent, nowMs: number): LogLineResource {
  const line = event.data as Partial<LogLineResource> | null;
  return {
    id: line?.id ?? String(event.id),
    attempt: line?.attempt ?? 0,
    level: line?.level ?? 'info',
    message: String(line?.message ?? ''),
    fields: line?.fields ?? null,
    at: line?.at ?? new Date(nowMs).toISOString(),
  };
}

export function readErrorMessage(data: unknown): string | null {
  return readText(readField(data, 'error'), 'message') ?? null;
}

/** Epoch milliseconds. */
export function readTime(data: unknown, name: string): number | undefined {
  const ms = Date.parse(readText(data, name) ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

function readNumber(data: unknown, name: string): number | undefined {
  const value = readField(data, name);
  return typeof value === 'number' ? value : undefined;
}

export function readText(data: unknown, name: string): string | undefined {
  const value = readField(data, name);
  return typeof value === 'string' ? value : undefined;
}

function readField(data: unknown, name: string): unknown {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[name] : undefined;
}
