import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { Child } from './child.ts';

/** Whether this machine can give a program a terminal: util-linux has `script`, with options that others do not know. */
export const hasPseudoTerminals =
  process.platform === 'linux' &&
  /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');

export interface TerminalOptions {
  cwd: string;
  env: Record<string, string>;
  columns: number;
  rows: number;
}

/**
 * Runs a program in a terminal of its own; `type` presses keys. When it has ended, the output holds `exit <code>`, and
 * whether it left the terminal in other modes than it found.
 * @param notePid a file for the program's process id: signals to the child would go to the terminal
 */
export function launchInTerminal(
  [program, ...args]: [string, ...string[]],
  notePid: string,
  { cwd, env, columns, rows }: TerminalOptions,
): Child {
  const command = [program, ...args].map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ');
  // The first shell outlives the program, to tell how it ended; the second becomes it.
  const inner = `stty cols ${columns} rows ${rows}; modes=$(stty -g)
    sh -c 'echo $$ > "$0"; exec "$@"' '${notePid}' ${command}; code=$?
    if [ "$(stty -g)" = "$modes" ]; then echo "exit $code"; else echo "exit $code, terminal changed"; fi`;
  return new Child('script', ['--quiet', '--return', '--command', inner, '/dev/null'], {
    cwd,
    env: { ...env, TERM: 'xterm-256color', SHELL: '/bin/sh' },
    isTyping: true,
  });
}

/** Gives the window of a program another size, as dragging its corner does. */
export function resizeTerminal(pid: number, { columns, rows }: Pick<TerminalOptions, 'columns' | 'rows'>): void {
  const path = readlinkSync(`/proc/${pid}/fd/0`);
  const { status, stderr } = spawnSync('stty', ['-F', path, 'cols', String(columns), 'rows', String(rows)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}
