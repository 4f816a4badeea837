import { Readable } from 'node:stream';
import type { CliContext } from '../../src/cli/context.ts';
import { type ExitCode, exitCodes } from '../../src/cli/exit-codes.ts';
import { createProgram } from '../../src/cli/program.ts';
import { reportError } from '../../src/cli/report-error.ts';
import { createTerminal, type Environment } from '../../src/cli/terminal.ts';

export interface FakeCliOptions {
  environment?: Environment;
  cwd?: string;
  stdin?: string;
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  nowMs?: number;
  /** What the person answers to each question; without it there is nobody. */
  answer?: string;
}

export interface FakeCli extends CliContext {
  readonly stdout: () => string;
  readonly stderr: () => string;
  interrupt(): void;
  press(...keys: string[]): void;
  /** Gives the window another size. */
  resize(columns: number, rows: number): void;
  /** Runs a command as `longshore` does, but inside of this process. */
  run(...args: string[]): Promise<ExitCode>;
}

function addTo<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function createFakeCli(options: FakeCliOptions = {}): FakeCli {
  const written = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  const keyListeners = new Set<(key: string) => void>();
  const resizeListeners = new Set<() => void>();
  const environment = options.environment ?? {};
  const size = { columns: options.columns, rows: options.rows };
  const open = (name: 'stdout' | 'stderr') => ({
    isTTY: options.isTTY,
    get columns() {
      return size.columns;
    },
    get rows() {
      return size.rows;
    },
    write: (text: string) => {
      written[name] += text;
    },
  });
  let exitCode: ExitCode = exitCodes.done;
  const cli: CliContext = {
    terminal: createTerminal(open('stdout'), open('stderr'), environment),
    environment,
    cwd: options.cwd ?? process.cwd(),
    clock: { now: () => options.nowMs ?? Date.parse('2026-01-01T00:01:00.000Z') },
    readStdin: () => Promise.resolve(options.stdin ?? ''),
    openStdin: () => Readable.from([Buffer.from(options.stdin ?? '')]),
    async ask(question) {
      if (options.answer !== undefined) cli.terminal.note(question);
      return options.answer;
    },
    onInterrupt: (listener) => addTo(listeners, listener),
    hasKeys: options.isTTY === true,
    onKey: (listener) => addTo(keyListeners, listener),
    onResize: (listener) => addTo(resizeListeners, listener),
    onExit: () => () => {},
    setExitCode: (code) => {
      exitCode = code;
    },
  };
  return Object.assign(cli, {
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    interrupt: () => {
      for (const listener of listeners) listener();
    },
    press: (...keys: string[]) => {
      for (const key of keys) for (const listener of keyListeners) listener(key);
    },
    resize: (columns: number, rows: number) => {
      Object.assign(size, { columns, rows });
      for (const listener of resizeListeners) listener();
    },
    async run(...args: string[]) {
      const isJson = args.includes('--json');
      try {
        await createProgram(cli, '1.2.3', { isJson }).parseAsync(args, { from: 'user' });
        return exitCode;
      } catch (error) {
        return reportError(error, cli.terminal, isJson);
      }
    },
  });
}
