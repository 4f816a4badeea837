import type { Command } from 'commander';
import { type CliContext, openSession } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { readSeconds } from './flags.ts';

export function registerTop(program: Command, cli: CliContext): void {
  program
    .command('top')
    .description('show a live screen of queues, jobs and workers; ? lists its keys')
    .option('--interval <seconds>', 'how often to ask the server', readSeconds, 2)
    .action(async ({ interval }: { interval: number }, command: Command) => {
      const { client, isJson } = openSession(cli, command);
      if (isJson || !cli.terminal.isInteractive || !cli.hasKeys) {
        throw new UsageError('top needs a terminal; in a pipe there is `longshore queues --watch`, with --json too');
      }
      const { runTop } = await import('./top/run-top.ts');
      await runTop(cli, client, interval * 1000);
    });
}
