import { collectPages, iteratePages } from '../client.ts';
import { isTerminal, type LogLineResource } from '../contract/job.ts';
import { LIST_LIMIT_MAX } from '../contract/list.ts';
import { type CliContext, printJson, printJsonLine, type Session } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { renderLogLine } from './job-view.ts';
import { readLogLine } from './watch-state.ts';

/** Prints a job's log lines; following, every line once, until the job has ended or Ctrl-C. */
export async function showLogs(
  cli: CliContext,
  session: Session,
  id: string,
  { isFollowing }: { isFollowing: boolean },
): Promise<void> {
  if (isFollowing) return followLogs(cli, session, id);
  const items = await collectPages(fetchLogPages(session, id));
  if (session.isJson) return printJson(cli, { items, nextCursor: null });
  for (const line of items) printLine(cli, line);
  if (items.length === 0) cli.terminal.note('The job has written nothing.');
}

async function followLogs(cli: CliContext, session: Session, id: string): Promise<void> {
  const stopping = new AbortController();
  const removeListener = cli.onInterrupt(() => stopping.abort());
  const seen = new Set<string>();
  const print = (line: LogLineResource) => {
    if (seen.has(line.id)) return;
    seen.add(line.id);
    if (session.isJson) printJsonLine(cli, line);
    else printLine(cli, line);
  };
  const printStored = async () => {
    for await (const line of iteratePages(fetchLogPages(session, id))) print(line);
  };
  try {
    const { signal } = stopping;
    const job = await session.client.jobs.get(id, { signal });
    await printStored();
    if (isTerminal(job.status)) return;
    for await (const event of session.client.jobs.events(id, { signal })) {
      if (event.type === 'job.log') print(readLogLine(event, cli.clock.now()));
    }
    // A line may be stored after the first look and before the stream begins.
    if (!signal.aborted) await printStored();
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  } finally {
    removeListener();
    if (stopping.signal.aborted) cli.setExitCode(exitCodes.interrupted);
  }
}

function fetchLogPages({ client }: Session, id: string) {
  return (cursor: string | undefined) => client.jobs.logs(id, { limit: LIST_LIMIT_MAX, cursor });
}

function printLine(cli: CliContext, line: LogLineResource): void {
  cli.terminal.print(renderLogLine(line, cli.clock.now(), cli.terminal.colors));
}
