import type { BulkActionResource } from '../contract/bulk-actions.ts';
import type { CliContext, Session } from './context.ts';
import { printJson } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { formatCount, formatMatched, formatPercent } from './format.ts';
import { renderBar } from './progress.ts';
import { cleanLine, type Terminal } from './terminal.ts';

/** What an action does to jobs, as the lines about it say it. */
const DONE: Record<BulkActionResource['action'], string> = {
  retry: 'queued again',
  cancel: 'cancelled',
  delete: 'removed',
};
const CLEAR_LINE = '\r\u001b[2K';
const BAR_WIDTH = 24;

/** Says that an action has begun, or with `isWaiting` shows it until it has finished. Ctrl-C stops the showing only. */
export async function showBulkAction(
  cli: CliContext,
  session: Session,
  action: BulkActionResource,
  isWaiting: boolean,
): Promise<void> {
  const { terminal } = cli;
  if (!isWaiting) {
    if (session.isJson) return printJson(cli, action);
    terminal.print(
      `${terminal.colors.cyan('running')} ${action.id}  ${formatMatched(action.matched, action.matchedIsCapped, 'job')}`,
    );
    return terminal.note(terminal.colors.dim('It goes on in the background; --wait shows it until it has finished.'));
  }
  const ended = await waitForEnd(cli, session, action.id);
  if (!ended) return;
  if (session.isJson) printJson(cli, ended);
  else terminal.print(renderEnd(ended, terminal));
  if (ended.status !== 'completed') cli.setExitCode(exitCodes.jobFailed);
}

/** @returns undefined when Ctrl-C came first */
async function waitForEnd(
  cli: CliContext,
  { client, isJson }: Session,
  id: string,
): Promise<BulkActionResource | undefined> {
  const { terminal } = cli;
  const isLive = terminal.isInteractive && !isJson;
  const draw = (action: BulkActionResource) => terminal.write(CLEAR_LINE + renderProgress(action, terminal));
  const stopping = new AbortController();
  const removeListener = cli.onInterrupt(() => stopping.abort());
  try {
    return await client.bulkActions.wait(id, { signal: stopping.signal, ...(isLive ? { onProgress: draw } : {}) });
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    terminal.note(`${isLive ? CLEAR_LINE : ''}Stopped waiting; bulk action ${id} goes on.`);
    cli.setExitCode(exitCodes.interrupted);
    return undefined;
  } finally {
    removeListener();
    if (isLive && !stopping.signal.aborted) terminal.write(CLEAR_LINE);
  }
}

function renderProgress(
  { matched, matchedIsCapped, processed }: BulkActionResource,
  { colors, width }: Terminal,
): string {
  if (matchedIsCapped) return `${processed} of ${formatMatched(matched, true, 'job')}`;
  // Jobs that came to match since then are done too.
  const percent = matched === 0 ? 100 : Math.min(100, (100 * processed) / matched);
  const counts = `${formatPercent(percent).padStart(5)}  ${processed} of ${formatCount(matched, 'job')}`;
  return width > BAR_WIDTH + counts.length ? `${renderBar(percent, BAR_WIDTH, colors)} ${counts}` : counts;
}

function renderEnd(action: BulkActionResource, { colors }: Terminal): string {
  const { status, id, changed, processed, error } = action;
  const color = status === 'completed' ? colors.green : status === 'failed' ? colors.red : colors.yellow;
  const others = processed > changed ? `, ${processed - changed} had changed meanwhile` : '';
  const why = error === null ? '' : `\n${colors.red(cleanLine(error))}`;
  return `${color(status)} ${id}  ${formatCount(changed, 'job')} ${DONE[action.action]}${others}${why}`;
}
