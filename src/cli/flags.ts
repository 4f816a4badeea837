import { InvalidArgumentError } from 'commander';
import { type JobStatus, jobStatuses } from '../contract/job.ts';

/** Readers of flags for commander: the text in, the value or an InvalidArgumentError out. */
export function readInteger(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text.trim())) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
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
