import type { Command } from 'commander';

/** Runs the program, which decides by itself when and how to exit. */
export async function start(): Promise<void> {
  // Only here: the other commands need neither a database nor the web server.
  const { startProgram } = await import('../main.ts');
  await startProgram();
}

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('run the program: the API, the worker or both, as MODE says')
    .addHelpText(
      'after',
      '\nSettings come from the environment and from the file .env in the current folder.\nThe program stops at Ctrl-C or SIGTERM, after its running jobs.',
    )
    .action(async () => {
      await start();
    });
}
