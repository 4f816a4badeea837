import type { Command } from 'commander';
import type { JobStatus } from '../contract/job.ts';
import { showBulkAction } from './bulk-progress.ts';
import { confirm } from './confirm.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { addFilterFlags, addFingerprintFlag, type FilterFlags, readFilter } from './filter-flags.ts';
import { readInteger, readStatuses } from './flags.ts';
import { colorStatus, formatCount } from './format.ts';
import { createJobColumns, renderJob } from './job-view.ts';
import { readJsonFlag } from './json-input.ts';
import { showLogs } from './logs.ts';
import { addPageFlags, type PageFlags, printPage } from './pages.ts';
import { cleanLine } from './terminal.ts';
import { showTree, type TreeFlags } from './tree.ts';
import { watchJob } from './watch.ts';

interface ListFlags extends FilterFlags, PageFlags {
  status?: JobStatus[];
}

interface DeleteFlags {
  yes?: boolean;
  wait?: boolean;
}

const ID_HELP = "the job's id";

export function registerJobs(program: Command, cli: CliContext): void {
  const jobs = program.command('jobs').description('list, inspect, watch, cancel, retry and delete jobs');
  addPageFlags(addFingerprintFlag(addFilterFlags(jobs.command('list').description('list jobs, newest first'))))
    .option('--status <list>', 'one status or several, separated by commas', readStatuses)
    .action((flags: ListFlags, command: Command) => listJobs(cli, flags, command));
  jobs
    .command('get')
    .argument('<id>', ID_HELP)
    .description('show everything about a job')
    .action((id: string, _flags: unknown, command: Command) => showJob(cli, id, command));
  jobs
    .command('watch')
    .argument('<id>', ID_HELP)
    .description('show progress and log lines until the job has ended; Ctrl-C stops watching only')
    .action((id: string, _flags: unknown, command: Command) => watchJob(cli, openSession(cli, command), id));
  jobs
    .command('tree')
    .argument('<id>', "the pipeline's id")
    .description('show a pipeline and its steps as a tree')
    .option('-w, --watch', 'draw it anew until the pipeline has ended; Ctrl-C stops watching only')
    .option('--depth <number>', 'levels of nested pipelines, from 1 to 10 (default: all)', readInteger)
    .option('--all', 'show every step; without it, more than 20 of one call are folded')
    .action((id: string, flags: TreeFlags, command: Command) => showTree(cli, openSession(cli, command), id, flags));
  jobs
    .command('send-event')
    .argument('<id>', "the pipeline's id")
    .argument('<name>', 'the name of the event that it waits for')
    .description('tell a pipeline something that it waits for, now or later')
    .option('-d, --data <json>', 'what it gets: JSON, @file, or - for standard input (default: null)')
    .action((id: string, name: string, flags: { data?: string }, command: Command) =>
      sendEvent(cli, id, name, flags, command),
    );
  jobs
    .command('cancel')
    .argument('<id>', ID_HELP)
    .description('cancel a job; a running one is told to stop')
    .action((id: string, _flags: unknown, command: Command) => cancelJob(cli, id, command));
  jobs
    .command('retry')
    .argument('<id>', ID_HELP)
    .description('run a job that failed, was cancelled or expired again, under its id')
    .option('-i, --input <json>', 'a new input: JSON, @file, or - for standard input')
    .action((id: string, flags: { input?: string }, command: Command) => retryJob(cli, id, flags, command));
  jobs
    .command('delete')
    .argument('<id...>', 'the ids of jobs that have ended')
    .description('remove jobs that have ended for good, with their files')
    .option('-y, --yes', 'do not ask')
    .option('-w, --wait', 'show the progress until it has finished')
    .action((ids: string[], flags: DeleteFlags, command: Command) => deleteJobs(cli, ids, flags, command));
  jobs
    .command('logs')
    .argument('<id>', ID_HELP)
    .description('show the lines that a job wrote')
    .option('-f, --follow', 'go on until the job has ended')
    .action((id: string, flags: { follow?: boolean }, command: Command) =>
      showLogs(cli, openSession(cli, command), id, { isFollowing: flags.follow === true }),
    );
}

async function listJobs(cli: CliContext, flags: ListFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const { status, limit, cursor } = flags;
  const page = await client.jobs.list({ ...readFilter(flags), status, limit, cursor });
  if (isJson) return printJson(cli, page);
  const columns = createJobColumns(cli.terminal.colors, cli.clock.now());
  printPage(cli, page, columns, { noun: 'job', none: 'No job matches.' });
}

async function showJob(cli: CliContext, id: string, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const job = await client.jobs.get(id);
  if (isJson) return printJson(cli, job);
  cli.terminal.print(renderJob(job, cli.clock.now(), cli.terminal));
}

async function sendEvent(
  cli: CliContext,
  id: string,
  name: string,
  flags: { data?: string },
  command: Command,
): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const payload = flags.data === undefined ? null : await readJsonFlag(cli, '--data', flags.data);
  const job = await client.jobs.sendEvent(id, name, payload);
  if (isJson) return printJson(cli, job);
  cli.terminal.print(`${cleanLine(name)} was sent to ${job.id}`);
}

async function cancelJob(cli: CliContext, id: string, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const job = await client.jobs.cancel(id);
  if (isJson) return printJson(cli, job);
  cli.terminal.print(`${colorStatus(job.status, cli.terminal.colors)} ${job.id}`);
}

async function deleteJobs(cli: CliContext, ids: string[], flags: DeleteFlags, command: Command): Promise<void> {
  const session = openSession(cli, command);
  const { bulkActions } = session.client;
  const matched = await bulkActions.count('delete', { ids });
  if (matched === 0) return cli.terminal.note('None of them is a job that has ended.');
  if (!flags.yes && !(await confirm(cli, `Remove ${formatCount(matched, 'ended job')} for good?`))) return;
  await showBulkAction(cli, session, await bulkActions.create('delete', { ids }), flags.wait === true);
}

async function retryJob(cli: CliContext, id: string, flags: { input?: string }, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const edit = flags.input === undefined ? {} : { input: await readJsonFlag(cli, '--input', flags.input) };
  const job = await client.jobs.retry(id, edit);
  if (isJson) return printJson(cli, job);
  const { colors } = cli.terminal;
  cli.terminal.print(`${colorStatus(job.status, colors)} ${job.id}`);
  cli.terminal.note(colors.dim(`Watch it: npx longshore jobs watch ${job.id}`));
}
