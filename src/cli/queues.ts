import type { Command } from 'commander';
import { type Client, collectPages } from '../client.ts';
import type { QueueResource } from '../contract/program.ts';
import { type CliContext, openSession, printJson, printJsonLine, type Session } from './context.ts';
import { readSeconds } from './flags.ts';
import { formatDuration } from './format.ts';
import { createLiveBlock } from './live-block.ts';
import { repeatUntilInterrupt } from './repeat.ts';
import { type Column, renderTable } from './table.ts';
import type { Colors } from './terminal.ts';

interface QueuesFlags {
  watch?: boolean;
  interval: number;
}

export function registerQueues(program: Command, cli: CliContext): void {
  program
    .command('queues')
    .description('list the queues and what is in them')
    .option('-w, --watch', 'show them again and again until Ctrl-C; in a pipe one table after the other')
    .option('--interval <seconds>', 'how long to wait in between', readSeconds, 2)
    .action((flags: QueuesFlags, command: Command) => showQueues(cli, openSession(cli, command), flags));
}

async function showQueues(cli: CliContext, session: Session, { watch, interval }: QueuesFlags): Promise<void> {
  if (watch) return watchQueues(cli, session, interval * 1000);
  const items = await readQueues(session.client);
  if (session.isJson) return printJson(cli, { items, nextCursor: null });
  if (items.length === 0) return cli.terminal.note('There is no queue yet.');
  cli.terminal.print(renderTable(items, createColumns(cli.terminal.colors), cli.terminal));
}

function watchQueues(cli: CliContext, { client, isJson }: Session, intervalMs: number): Promise<void> {
  const { terminal } = cli;
  const block = createLiveBlock(terminal);
  return repeatUntilInterrupt(cli, intervalMs, async (signal) => {
    const items = await readQueues(client, signal);
    if (isJson) return printJsonLine(cli, { items, nextCursor: null });
    const table =
      items.length === 0 ? 'There is no queue yet.' : renderTable(items, createColumns(terminal.colors), terminal);
    if (terminal.isInteractive) block.draw(table.split('\n'));
    else terminal.print(`${table}\n`);
  });
}

function readQueues(client: Client, signal?: AbortSignal): Promise<QueueResource[]> {
  return collectPages((cursor) => client.queues.list({ cursor, limit: 200 }, { signal }));
}

function createColumns(colors: Colors): Column<QueueResource>[] {
  const count = (status: keyof QueueResource['counts'], dropOrder?: number): Column<QueueResource> => ({
    title: status.toUpperCase(),
    cell: ({ counts }) => (counts[status] === 0 ? colors.dim('0') : String(counts[status])),
    align: 'right',
    ...(dropOrder === undefined ? {} : { dropOrder }),
  });
  return [
    { title: 'QUEUE', cell: (queue) => queue.name, minWidth: 12 },
    { title: 'STATE', cell: (queue) => (queue.isPaused ? colors.yellow('paused') : colors.green('active')) },
    { title: 'WORKERS', cell: (queue) => String(queue.workers), align: 'right', dropOrder: 3 },
    count('queued'),
    count('processing'),
    count('retrying', 2),
    count('scheduled', 4),
    count('failed', 1),
    count('completed', 5),
    { title: 'PER MIN', cell: (queue) => String(Math.round(queue.throughputPerMinute)), align: 'right', dropOrder: 6 },
    {
      title: 'OLDEST',
      cell: (queue) => (queue.oldestWaitMs === null ? '' : formatDuration(queue.oldestWaitMs)),
      align: 'right',
      dropOrder: 7,
    },
    { title: 'VIA', cell: (queue) => queue.transport, dropOrder: 8 },
  ];
}
