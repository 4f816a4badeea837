import { type Command, InvalidArgumentError } from 'commander';
import type { DeadLetterFilter } from '../client.ts';
import { readTime } from './flags.ts';

/** The flags that say which jobs; {@link readFilter} makes a filter of them. */
export interface FilterFlags {
  type?: string;
  queue?: string;
  tenant?: string;
  tag?: string[];
  parent?: string;
  batch?: string;
  schedule?: string;
  search?: string;
  where?: Record<string, string>;
  metadata?: Record<string, string>;
  createdAfter?: string;
  createdBefore?: string;
  finishedAfter?: string;
  finishedBefore?: string;
  fingerprint?: string;
}

export function addFilterFlags(command: Command): Command {
  return command
    .option('--type <type>', 'only jobs of this type, or with :* at its end of all that begin so')
    .option('--queue <name>', 'only jobs of this queue')
    .option('--tenant <name>', 'only jobs of this tenant')
    .option('--tag <text>', 'only jobs with this tag; repeatable, then with all of them', collectText)
    .option('--parent <id>', 'only steps of this pipeline')
    .option('--batch <id>', 'only jobs of this batch')
    .option('--schedule <id>', 'only jobs of this schedule')
    .option('--search <words>', 'only jobs with these words in their type, input or error message')
    .option(
      '--where <path=value>',
      'only jobs whose input has this value, e.g. customer.id=17; repeatable',
      collectValue,
    )
    .option('--metadata <path=value>', 'the same for their metadata; repeatable', collectValue)
    .option('--created-after <time>', 'only jobs of this time or later, e.g. 2030-01-31T08:00:00Z', readTime)
    .option('--created-before <time>', 'only jobs that are older than this time', readTime)
    .option('--finished-after <time>', 'only jobs that ended at this time or later', readTime)
    .option('--finished-before <time>', 'only jobs that ended before this time', readTime);
}

export function addFingerprintFlag(command: Command): Command {
  return command.option('--fingerprint <fingerprint>', 'only failures of this kind; `dead-letters groups` lists them');
}

function collectText(text: string, previous: string[] = []): string[] {
  return [...previous, text];
}

function collectValue(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const [, path, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || value === undefined) throw new InvalidArgumentError('It must be path=value.');
  return { ...previous, [path]: value };
}

export function readFilter({ search, where, parent, batch, schedule, ...flags }: FilterFlags): DeadLetterFilter {
  const { type, queue, tenant, tag, metadata, fingerprint } = flags;
  const { createdAfter, createdBefore, finishedAfter, finishedBefore } = flags;
  return {
    ...{
      type,
      queue,
      tenant,
      tag,
      parentId: parent,
      batchId: batch,
      scheduleId: schedule,
      q: search,
      input: where,
      metadata,
      fingerprint,
    },
    ...{ createdAfter, createdBefore, finishedAfter, finishedBefore },
  };
}
