import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { type Client, createClient } from '../client.ts';
import type { Clock } from '../shared/time.ts';
import type { ExitCode } from './exit-codes.ts';
import { warnOfReaders } from './profile-store.ts';
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
  /** Whether single keys can be read: standard input is a terminal. */
  readonly hasKeys: boolean;
  /**
   * Calls back with each key (`a`, `up`, `return`, `ctrl-c`, …), which then does nothing else, until the returned function
   * is called.
   */
  onKey(listener: (key: string) => void): () => void;
  /** Calls back when the window has another size. */
  onResize(listener: () => void): () => void;
  /** Calls back when the process ends, whatever ends it. */
  onExit(listener: () => void): () => void;
  /** What the command tells its caller at the end; `done` unless it is set. */
  setExitCode(code: ExitCode): void;
}

export interface Session {
  client: Client;
  /** Which the client sends. */
  key: string | undefined;
  isJson: boolean;
}

/** The client that the global flags and the environment ask for. */
export function openSession(cli: CliContext, command: Command): Session {
  const { url, key, isJson } = resolveSettings(command.optsWithGlobals<GlobalFlags>(), cli.environment);
  const warning = warnOfReaders(cli.environment, process.platform);
  if (warning !== undefined) cli.terminal.note(cli.terminal.colors.yellow(warning));
  return { client: createClient({ url, key }), key, isJson };
}

export function printJson(cli: CliContext, value: unknown): void {
  cli.terminal.print(JSON.stringify(value, null, 2));
}

/** One document a line, for a stream of them. */
export function printJsonLine(cli: CliContext, value: unknown): void {
  cli.terminal.print(JSON.stringify(value));
}
