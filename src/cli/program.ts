import { Command } from 'commander';
import { registerAdmin } from './admin.ts';
import { registerAudit } from './audit.ts';
import { registerBulk } from './bulk.ts';
import { registerCompletion } from './completion.ts';
import type { CliContext } from './context.ts';
import { registerDeadLetters } from './dead-letters.ts';
import { registerDemo } from './demo.ts';
import { registerEnqueue } from './enqueue.ts';
import { EXIT_CODES_HELP } from './exit-codes.ts';
import { registerFiles } from './files.ts';
import { registerInit } from './init.ts';
import { registerJobs } from './jobs.ts';
import { registerKeys } from './keys.ts';
import { registerProfiles } from './profiles.ts';
import { registerQueues } from './queues.ts';
import { registerSchedules } from './schedules.ts';
import { DEFAULT_URL } from './settings.ts';
import { registerStart } from './start.ts';
import { registerTenants } from './tenants.ts';
import { registerTop } from './top.ts';
import { registerTypes } from './types.ts';
import { registerWebhooks } from './webhooks.ts';
import { registerWorkers } from './workers.ts';

/**
 * The `longshore` command with everything below it. Its errors are thrown, never answered by an exit.
 * @param isJson wrong usage is not told here: {@link reportError} does, as JSON
 */
export function createProgram(
  cli: CliContext,
  version: string,
  { isJson = false }: { isJson?: boolean } = {},
): Command {
  const { terminal } = cli;
  const program = new Command('longshore')
    .description('Longshore runs background jobs: PostgreSQL keeps the record, workers do the work.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show what a command does and which flags it takes')
    .option('--url <url>', `the server's address (or LONGSHORE_URL; default: ${DEFAULT_URL})`)
    .option('--key <key>', "the server's key (or LONGSHORE_KEY, or ADMIN_KEY)")
    .option('--profile <name>', 'a server that `profiles add` has kept (or LONGSHORE_PROFILE, or `profiles use`)')
    .option('--json', 'print JSON for programs, and nothing else')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => isJson || terminal.note(text.replace(/\n$/, '')),
      getOutHelpWidth: () => helpWidth(terminal.width),
      getErrHelpWidth: () => helpWidth(terminal.width),
    })
    .showHelpAfterError('(add --help for what is allowed)')
    .exitOverride();
  registerStart(program);
  registerInit(program, cli);
  registerDemo(program, cli);
  registerEnqueue(program, cli);
  registerBulk(program, cli);
  registerJobs(program, cli);
  registerDeadLetters(program, cli);
  registerSchedules(program, cli);
  registerFiles(program, cli);
  registerTypes(program, cli);
  registerQueues(program, cli);
  registerKeys(program, cli);
  registerTenants(program, cli);
  registerAudit(program, cli);
  registerWorkers(program, cli);
  registerWebhooks(program, cli);
  registerTop(program, cli);
  registerProfiles(program, cli);
  registerCompletion(program, cli);
  registerAdmin(program, cli);
  return program.addHelpText('after', EXIT_CODES_HELP);
}

function helpWidth(width: number): number {
  return Math.min(width, 100);
}
