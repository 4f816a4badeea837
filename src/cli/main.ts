import { start } from './start.ts';
import type { Environment } from './terminal.ts';

/**
 * The `longshore` command.
 * @param args what follows the command's name
 * @returns the exit code; undefined for `start`, which decides by itself when and how to exit
 */
export async function runCli(args: readonly string[], environment: Environment): Promise<number | undefined> {
  if (args.length === 1 && args[0] === 'start') {
    await start(); // without loading the other commands
    return undefined;
  }
  const { runCommand } = await import('./run-command.ts');
  return runCommand(args, environment);
}
