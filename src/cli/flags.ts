import { InvalidArgumentError } from 'commander';
import { type JobStatus, jobStatuses } from '../contract/job.ts';

/** Readers of flags for commander: the text in, the value or an InvalidArgumentError out. */
export function readInteger(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text.trim())) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** From 0.1 to 3,600. */
export function readSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^[\d.]+$/.test(text.trim()) || !(seconds >= 0.1 && seconds <= 3600)) {
    throw new InvalidArgumentError('It must be a number of seconds, from 0.1 to 3600.');
  }
  return seconds;
}

export function readTime(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('It must be a time, e.g. 2030-01-31T08:00:00Z.');
  return new Date(time).toISOString();
}

export function collectText(text: string, previous: string[] = []): string[] {
  return [...previous, text];
}

/** One status or several, separated by commas. */
export function readStatuses(text: string): JobStatus[] {
  return text.split(',').map((part) => {
    const status = jobStatuses.find((known) => known === part.trim());
    if (!status) throw new InvalidArgumentError(`Allowed are ${jobStatuses.join(', ')}.`);
    return status;
  });
}
