import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { systemClock } from '../shared/time.ts';
import type { CliContext } from './context.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { listen, listenForKeys } from './keyboard.ts';
import { createProgram } from './program.ts';
import { reportError } from './report-error.ts';
import { createTerminal, type Environment } from './terminal.ts';

/** Reads the arguments and runs the command that they name. @returns as `runCli` */
export async function runCommand(args: readonly string[], environment: Environment): Promise<ExitCode | undefined> {
  let exitCode: ExitCode = exitCodes.done;
  const cli: CliContext = {
    terminal: createTerminal(process.stdout, process.stderr, environment),
    environment,
    cwd: process.cwd(),
    clock: systemClock,
    readStdin: () => text(process.stdin),
    openStdin: () => process.stdin,
    ask,
    onInterrupt: listenForInterrupts,
    hasKeys: process.stdin.isTTY === true,
    onKey: listenForKeys,
    onResize: (listener) => listen(process.stdout, 'resize', listener),
    onExit(listener) {
      // The monitor hears of a fault before it is printed, so that it is printed on the screen that stays.
      const removers = ['exit', 'uncaughtExceptionMonitor'].map((event) => listen(process, event, listener));
      return () => removers.forEach((remove) => void remove());
    },
    setExitCode: (code) => {
      exitCode = code;
    },
  };
  let isStarting = false;
  const isJson = args.includes('--json');
  const program = createProgram(cli, readVersion(), { isJson }).hook('preAction', (_program, command) => {
    isStarting = command.name() === 'start';
    if (!isStarting) exitQuietlyWithoutReader();
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return isStarting ? undefined : exitCode;
  } catch (error) {
    return reportError(error, cli.terminal, isJson);
  }
}

async function ask(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await prompt.question(question);
  } catch {
    return ''; // Ctrl-C or Ctrl-D in place of an answer
  } finally {
    prompt.close();
  }
}

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

function listenForInterrupts(listener: () => void): () => void {
  for (const signal of INTERRUPTS) process.on(signal, listener);
  return () => {
    for (const signal of INTERRUPTS) process.off(signal, listener);
  };
}

/** `longshore jobs list | head -1` closes the pipe early: that is no fault. */
function exitQuietlyWithoutReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.done);
  });
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
