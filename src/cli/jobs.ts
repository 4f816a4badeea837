import type { Command } from 'commander';
import type { JobStatus } from '../contract/job.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { readInteger, readStatuses } from './flags.ts';
import { colorStatus, formatCount } from './format.ts';
import { createJobColumns, renderJob } from './job-view.ts';
import { showLogs } from './logs.ts';
import { renderTable } from './table.ts';
import { watchJob } from './watch.ts';

interface ListFlags {
  status?: JobStatus[];
  type?: string;
  queue?: string;
  limit?: number;
  cursor?: string;
}

const ID_HELP = "the job's id";

export function registerJobs(program: Command, cli: CliContext): void {
  const jobs = program.command('jobs').description('list, inspect, watch and cancel jobs');
  jobs
    .command('list')
    .description('list jobs, newest first')
    .option('--status <list>', 'one status or several, separated by commas', readStatuses)
    .option('--type <type>', 'only jobs of this type')
    .option('--queue <name>', 'only jobs of this queue')
    .option('--limit <number>', 'how many, from 1 to 200 (default: 50)', readInteger)
    .option('--cursor <cursor>', 'go on after an earlier list')
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
    .command('cancel')
    .argument('<id>', ID_HELP)
    .description('cancel a job; a running one is told to stop')
    .action((id: string, _flags: unknown, command: Command) => cancelJob(cli, id, command));
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
  const page = await client.jobs.list(flags);
  if (isJson) return printJson(cli, page);
  const { terminal } = cli;
  if (page.items.length === 0) return terminal.note('No job matches.');
  terminal.print(renderTable(page.items, createJobColumns(terminal.colors, cli.clock.now()), terminal));
  if (page.nextCursor !== null) {
    const count = formatCount(page.items.length, 'job');
    terminal.note(terminal.colors.dim(`${count}; more with the same flags and --cursor ${page.nextCursor}`));
  }
}

async function showJob(cli: CliContext, id: string, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const job = await client.jobs.get(id);
  if (isJson) return printJson(cli, job);
  cli.terminal.print(renderJob(job, cli.clock.now(), cli.terminal));
}

async function cancelJob(cli: CliContext, id: string, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const job = await client.jobs.cancel(id);
  if (isJson) return printJson(cli, job);
  cli.terminal.print(`${colorStatus(job.status, cli.terminal.colors)} ${job.id}`);
}
