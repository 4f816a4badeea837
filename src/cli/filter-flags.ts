import { type Command, InvalidArgumentError } from 'commander';
import type { DeadLetterFilter } from '../client.ts';
import { readTime } from './flags.ts';

/** The flags that say which jobs; {@link readFilter} makes a filter of them. */
export interface FilterFlags {
  type?: string;
  queue?: string;
  tenant?: string;
  tag?: string;
  parent?: string;
  search?: string;
  where?: Record<string, string>;
  createdAfter?: string;
  createdBefore?: string;
  fingerprint?: string;
}

export function addFilterFlags(command: Command): Command {
  return command
    .option('--type <type>', 'only jobs of this type')
    .option('--queue <name>', 'only jobs of this queue')
    .option('--tenant <name>', 'only jobs of this tenant')
    .option('--tag <text>', 'only jobs with this tag')
    .option('--parent <id>', 'only steps of this pipeline')
    .option('--search <text>', 'only jobs with this text in their type, error message or input')
    .option(
      '--where <path=value>',
      'only jobs whose input has this value, e.g. customer.id=17; repeatable',
      collectValue,
    )
    .option('--created-after <time>', 'only jobs of this time or later, e.g. 2030-01-31T08:00:00Z', readTime)
    .option('--created-before <time>', 'only jobs that are older than this time', readTime);
}

export function addFingerprintFlag(command: Command): Command {
  return command.option('--fingerprint <fingerprint>', 'only failures of this kind; `dead-letters groups` lists them');
}

function collectValue(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const [, path, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || value === undefined) throw new InvalidArgumentError('It must be path=value.');
  return { ...previous, [path]: value };
}

export function readFilter(flags: FilterFlags): DeadLetterFilter {
  const { type, queue, tenant, tag, parent, search, where, createdAfter, createdBefore, fingerprint } = flags;
  return {
    type,
    queue,
    tenant,
    tag,
    parentId: parent,
    q: search,
    input: where,
    createdAfter,
    createdBefore,
    fingerprint,
  };
}
