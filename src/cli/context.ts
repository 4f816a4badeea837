import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { type Client, createClient } from '../client.ts';
import type { Clock } from '../shared/time.ts';
import type { ExitCode } from './exit-codes.ts';
import { type GlobalFlags, resolveSettings } from './settings.ts';
import type { Environment, Terminal } from './terminal.ts';

/** What commands know of the world around them; a test passes its own. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly environment: Environment;
  readonly cwd: string;
  readonly clock: Clock;
  readStdin(): Promise<string>;
  /** The same part by part, for what may be large. */
  openStdin(): Readable;
  /** Puts a question to the person at the terminal. @returns undefined where there is none */
  ask(question: string): Promise<string | undefined>;
  /** Calls back at Ctrl-C instead of ending the process, until the returned function is called. */
  onInterrupt(listener: () => void): () => void;
  /** What the command tells its caller at the end; `done` unless it is set. */
  setExitCode(code: ExitCode): void;
}

export interface Session {
  client: Client;
  isJson: boolean;
}

/** The client that the global flags and the environment ask for. */
export function openSession(cli: CliContext, command: Command): Session {
  const { url, key, isJson } = resolveSettings(command.optsWithGlobals<GlobalFlags>(), cli.environment);
  return { client: createClient({ url, key }), isJson };
}

export function printJson(cli: CliContext, value: unknown): void {
  cli.terminal.print(JSON.stringify(value, null, 2));
}

/** One document a line, for a stream of them. */
export function printJsonLine(cli: CliContext, value: unknown): void {
  cli.terminal.print(JSON.stringify(value));
}
