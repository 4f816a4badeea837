import type { JobStatus } from '../contract/job.ts';
import { formatCount } from '../shared/quantities.ts';
import type { Colors } from './terminal.ts';

export { formatBytes, formatCount, formatDuration } from '../shared/quantities.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `3 s ago`, `5 min ago`, `in 2 h`; one unit, since a list is for an overview. */
export function formatAge(iso: string, nowMs: number): string {
  const deltaMs = nowMs - Date.parse(iso);
  const size = Math.abs(deltaMs);
  if (size < SECOND) return 'now';
  const [unitMs, unit] =
    size < MINUTE ? [SECOND, 's'] : size < HOUR ? [MINUTE, 'min'] : size < DAY ? [HOUR, 'h'] : [DAY, 'd'];
  const text = `${Math.floor(size / unitMs)} ${unit}`;
  return deltaMs > 0 ? `${text} ago` : `in ${text}`;
}

/** Local wall-clock time; with the date when it is not today's. */
export function formatTimestamp(iso: string, nowMs: number): string {
  const at = new Date(iso);
  const time = at.toTimeString().slice(0, 8);
  if (at.toDateString() === new Date(nowMs).toDateString()) return time;
  const pad = (part: number) => String(part).padStart(2, '0');
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${time}`;
}

export function formatPercent(percent: number): string {
  return `${Math.floor(percent)} %`;
}

const statusColors: Record<
  JobStatus,
  keyof Colors & ('gray' | 'blue' | 'cyan' | 'yellow' | 'green' | 'red' | 'magenta')
> = {
  scheduled: 'gray',
  queued: 'blue',
  processing: 'cyan',
  waiting: 'magenta',
  retrying: 'yellow',
  completed: 'green',
  failed: 'red',
  cancelled: 'gray',
  expired: 'gray',
};

export function colorStatus(status: JobStatus, colors: Colors): string {
  return paintStatus(status, colors)(status);
}

/** @returns what colours a text as this status */
export function paintStatus(status: JobStatus, colors: Colors): (text: string) => string {
  // A status that is newer than this CLI is shown as it is.
  return colors[statusColors[status] ?? 'reset'];
}

/** `17 jobs`, or `10,000+ jobs` where counting ended there. */
export function formatMatched(matched: number, isCapped: boolean, noun: string): string {
  return isCapped ? `${matched.toLocaleString('en')}+ ${noun}s` : formatCount(matched, noun);
}
