import { isPassing } from '../client/retries.ts';
import { pause } from '../shared/time.ts';
import { type CliContext, printJsonLine, type Session } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { formatDuration, formatTimestamp } from './format.ts';
import { createLiveBlock } from './live-block.ts';
import { cleanLine } from './terminal.ts';

export interface WatchedTable<Row> {
  read(signal: AbortSignal): Promise<Row[]>;
  render(rows: Row[]): string;
}

/**
 * Shows a table over and over, until Ctrl-C: drawn in place on a terminal, one below the other in a pipe, and with --json as a
 * line each. A server that goes away is said to be away; it may come back.
 * @throws what the first look throws, and any refusal
 */
export async function watchTable<Row>(
  cli: CliContext,
  { isJson }: Pick<Session, 'isJson'>,
  { read, render }: WatchedTable<Row>,
  intervalMs: number,
): Promise<void> {
  const { terminal, clock } = cli;
  const isLive = terminal.isInteractive && !isJson;
  const stopping = new AbortController();
  const removeListener = cli.onInterrupt(() => stopping.abort());
  let lastSeenMs: number | undefined;
  const block = createLiveBlock(terminal);
  const show = (text: string) => (isLive ? block.draw(text.split('\n')) : terminal.print(`${text}\n`));
  const headline = (text: string) => `${formatTimestamp(new Date(clock.now()).toISOString(), clock.now())}  ${text}`;
  try {
    while (!stopping.signal.aborted) {
      try {
        const rows = await read(stopping.signal);
        lastSeenMs = clock.now();
        if (isJson) printJsonLine(cli, { at: new Date(lastSeenMs).toISOString(), items: rows });
        else show(`${terminal.colors.dim(headline(`every ${formatDuration(intervalMs)}`))}\n${render(rows)}`);
      } catch (error) {
        if (stopping.signal.aborted) break;
        if (lastSeenMs === undefined || !isPassing(error)) throw error;
        const fault = `${cleanLine((error as Error).message)}; last seen ${formatDuration(clock.now() - lastSeenMs)} ago`;
        if (isLive) show(terminal.colors.red(headline(fault)));
        else terminal.note(headline(fault));
      }
      await pause(intervalMs, stopping.signal);
    }
    cli.setExitCode(exitCodes.interrupted);
  } finally {
    removeListener();
  }
}
