import type { Command } from 'commander';
import type { DeadLetterBulkFilter } from '../client.ts';
import type { DryRun } from '../contract/bulk-actions.ts';
import { showBulkAction } from './bulk-progress.ts';
import { confirm } from './confirm.ts';
import { type CliContext, openSession, printJson, type Session } from './context.ts';
import { createFailureColumns, createGroupColumns } from './dead-letters-view.ts';
import { UsageError } from './exit-codes.ts';
import { addFilterFlags, addFingerprintFlag, type FilterFlags, readFilter } from './filter-flags.ts';
import { formatMatched } from './format.ts';
import { addPageFlags, type PageFlags, printPage } from './pages.ts';

interface ListFlags extends FilterFlags, PageFlags {}

interface ActionFlags extends FilterFlags {
  all?: boolean;
  dryRun?: boolean;
  wait?: boolean;
  yes?: boolean;
}

const NONE = 'No failed job matches.';
const EXAMPLES = `
Examples:
  longshore dead-letters groups
  longshore dead-letters retry --fingerprint 3f2a9c0d1b4e5f67 --dry-run
  longshore dead-letters retry --fingerprint 3f2a9c0d1b4e5f67 --wait
  longshore dead-letters discard --created-before 2030-01-01T00:00:00Z`;

export function registerDeadLetters(program: Command, cli: CliContext): void {
  const group = program
    .command('dead-letters')
    .description('list, group, retry and discard jobs that failed')
    .addHelpText('after', EXAMPLES);
  addListFlags(group.command('list').description('list failed jobs, newest first')).action(
    (flags: ListFlags, command: Command) => listFailures(cli, flags, command),
  );
  addListFlags(
    group.command('groups').description('list the kinds of failures, the one that was seen last first'),
  ).action((flags: ListFlags, command: Command) => listGroups(cli, flags, command));
  addActionFlags(group.command('retry').description('run failed jobs again, under their ids')).action(
    (ids: string[], flags: ActionFlags, command: Command) => retry(cli, ids, flags, command),
  );
  addActionFlags(group.command('discard').description('remove failed jobs for good'))
    .option('-y, --yes', 'do not ask')
    .action((ids: string[], flags: ActionFlags, command: Command) => discard(cli, ids, flags, command));
}

function addListFlags(command: Command): Command {
  return addPageFlags(addFingerprintFlag(addFilterFlags(command)));
}

function addActionFlags(command: Command): Command {
  return addFingerprintFlag(addFilterFlags(command.argument('[id...]', 'only these jobs')))
    .option('--all', 'every failed job; needed where no id and no filter is given')
    .option('--dry-run', 'only say how many jobs it would be')
    .option('-w, --wait', 'show the progress until it has finished');
}

async function listFailures(cli: CliContext, flags: ListFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const page = await client.deadLetters.list({ ...readFilter(flags), limit: flags.limit, cursor: flags.cursor });
  if (isJson) return printJson(cli, page);
  printPage(cli, page, createFailureColumns(cli.terminal.colors, cli.clock.now()), { noun: 'job', none: NONE });
}

async function listGroups(cli: CliContext, flags: ListFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const page = await client.deadLetters.groups({ ...readFilter(flags), limit: flags.limit, cursor: flags.cursor });
  if (isJson) return printJson(cli, page);
  printPage(cli, page, createGroupColumns(cli.terminal.colors, cli.clock.now()), { noun: 'group', none: NONE });
}

async function retry(cli: CliContext, ids: string[], flags: ActionFlags, command: Command): Promise<void> {
  const session = openSession(cli, command);
  const filter = chooseJobs(ids, flags);
  if (flags.dryRun) {
    const matches = await session.client.deadLetters.retry(filter, { dryRun: true });
    return printMatches(cli, session, matches, 'would run again');
  }
  await showBulkAction(cli, session, await session.client.deadLetters.retry(filter), flags.wait === true);
}

async function discard(cli: CliContext, ids: string[], flags: ActionFlags, command: Command): Promise<void> {
  const session = openSession(cli, command);
  const { deadLetters } = session.client;
  const filter = chooseJobs(ids, flags);
  if (flags.dryRun || !flags.yes) {
    const matches = await deadLetters.discard(filter, { dryRun: true });
    if (flags.dryRun) return printMatches(cli, session, matches, 'would be removed');
    if (!(await confirmDiscard(cli, matches))) return;
  }
  await showBulkAction(cli, session, await deadLetters.discard(filter), flags.wait === true);
}

/** @throws UsageError when nothing says which jobs: all of them must be asked for */
function chooseJobs(ids: string[], flags: ActionFlags): DeadLetterBulkFilter {
  const filter = { ...readFilter(flags), ...(ids.length > 0 ? { ids } : {}) };
  const isEmpty = Object.values(filter).every((value) => value === undefined);
  if (isEmpty && !flags.all) throw new UsageError('say which jobs: ids, filters (see --help), or --all');
  if (!isEmpty && flags.all) throw new UsageError('--all goes with no id and no filter');
  return filter;
}

function printMatches(cli: CliContext, { isJson }: Session, matches: DryRun, would: string): void {
  const jobs = formatMatched(matches.matched, matches.matchedIsCapped, 'failed job');
  if (isJson) printJson(cli, matches);
  else cli.terminal.print(`${jobs} ${would}; nothing was done.`);
}

async function confirmDiscard(cli: CliContext, { matched, matchedIsCapped }: DryRun): Promise<boolean> {
  if (matched > 0) return confirm(cli, `Remove ${formatMatched(matched, matchedIsCapped, 'failed job')} for good?`);
  cli.terminal.note('No failed job matches.');
  return false;
}
