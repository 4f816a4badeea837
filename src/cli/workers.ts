import type { Command } from 'commander';
import { collectPages } from '../client.ts';
import type { WorkerResource } from '../contract/workers.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { formatAge } from './format.ts';
import { type Column, renderTable } from './table.ts';
import { type Colors, cleanLine } from './terminal.ts';

export function registerWorkers(program: Command, cli: CliContext): void {
  program
    .command('workers')
    .description('list the processes that run jobs')
    .action(async (_flags: unknown, command: Command) => {
      const { client, isJson } = openSession(cli, command);
      const items = await collectPages((cursor) => client.workers.list({ cursor }));
      if (isJson) return printJson(cli, { items, nextCursor: null });
      const { terminal, clock } = cli;
      if (items.length === 0) return terminal.note('No worker runs.');
      terminal.print(renderTable(items, createColumns(terminal.colors, clock.now()), terminal));
    });
}

function createColumns(colors: Colors, nowMs: number): Column<WorkerResource>[] {
  return [
    { title: 'HOST', cell: (worker) => cleanLine(worker.host), minWidth: 10 },
    { title: 'PID', cell: (worker) => String(worker.pid), align: 'right' },
    { title: 'STATE', cell: (worker) => (worker.isAlive ? colors.green('alive') : colors.red('silent')) },
    { title: 'RUNNING', cell: (worker) => `${worker.running}/${worker.concurrency}`, align: 'right' },
    { title: 'HEARD', cell: (worker) => formatAge(worker.lastHeartbeatAt, nowMs), align: 'right', dropOrder: 2 },
    { title: 'STARTED', cell: (worker) => formatAge(worker.startedAt, nowMs), align: 'right', dropOrder: 3 },
    { title: 'VERSION', cell: (worker) => cleanLine(worker.version), dropOrder: 4 },
    { title: 'QUEUES', cell: (worker) => cleanLine(worker.queues.join(' ')), minWidth: 16, dropOrder: 1 },
  ];
}
