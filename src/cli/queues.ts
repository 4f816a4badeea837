import type { Command } from 'commander';
import { type CallOptions, collectPages } from '../client.ts';
import { LIST_LIMIT_MAX } from '../contract/list.ts';
import type { QueueResource } from '../contract/program.ts';
import { type CliContext, openSession, printJson, type Session } from './context.ts';
import { readSeconds } from './flags.ts';
import { createQueueColumns } from './queues-view.ts';
import { renderTable } from './table.ts';
import { watchTable } from './watch-table.ts';

interface QueuesFlags {
  watch?: boolean;
  interval: number;
}

const NAME_HELP = "the queue's name";

export function registerQueues(program: Command, cli: CliContext): void {
  const queues = program
    .command('queues')
    .description('list the queues and what is in them')
    .option('-w, --watch', 'show them anew again and again, until Ctrl-C')
    .option('--interval <seconds>', 'with --watch: how long to wait in between', readSeconds, 2)
    .action((flags: QueuesFlags, command: Command) => showQueues(cli, flags, command));
  queues
    .command('get')
    .argument('<name>', NAME_HELP)
    .description('show one queue')
    .action((name: string, _flags: unknown, command: Command) => {
      const session = openSession(cli, command);
      return showQueue(cli, session, session.client.queues.get(name));
    });
  queues
    .command('pause')
    .argument('<name>', NAME_HELP)
    .description('start no further job of a queue; those that run go on')
    .action((name: string, _flags: unknown, command: Command) => {
      const session = openSession(cli, command);
      return showQueue(cli, session, session.client.queues.pause(name));
    });
  queues
    .command('resume')
    .argument('<name>', NAME_HELP)
    .description('start jobs of a paused queue again')
    .action((name: string, _flags: unknown, command: Command) => {
      const session = openSession(cli, command);
      return showQueue(cli, session, session.client.queues.resume(name));
    });
}

async function showQueues(cli: CliContext, flags: QueuesFlags, command: Command): Promise<void> {
  const session = openSession(cli, command);
  if (flags.watch) {
    const table = {
      read: (signal: AbortSignal) => listQueues(session, { signal, retries: 0 }),
      render: (items: QueueResource[]) => renderQueues(cli, items),
    };
    return watchTable(cli, session, table, flags.interval * 1000);
  }
  const items = await listQueues(session);
  if (session.isJson) return printJson(cli, { items, nextCursor: null });
  if (items.length === 0) return cli.terminal.note('There is no queue yet.');
  cli.terminal.print(renderQueues(cli, items));
}

async function showQueue(cli: CliContext, { isJson }: Session, asking: Promise<QueueResource>): Promise<void> {
  const queue = await asking;
  if (isJson) return printJson(cli, queue);
  cli.terminal.print(renderQueues(cli, [queue]));
}

function listQueues({ client }: Session, call?: CallOptions): Promise<QueueResource[]> {
  return collectPages((cursor) => client.queues.list({ cursor, limit: LIST_LIMIT_MAX }, call));
}

function renderQueues({ terminal }: CliContext, items: readonly QueueResource[]): string {
  return renderTable(items, createQueueColumns(terminal.colors), terminal);
}
