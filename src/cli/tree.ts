import { createPatience } from '../client/patience.ts';
import type { JobsClient } from '../client.ts';
import { isTerminal, type JobResource } from '../contract/job.ts';
import { MAX_DEPTH } from '../contract/steps.ts';
import { pause } from '../shared/time.ts';
import { type CliContext, printJson, type Session } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { isAtRest, readTree } from './tree-data.ts';
import { FOLD_ABOVE, renderTree } from './tree-lines.ts';
import { createJsonTreeView, createLiveTreeView, createPlainTreeView, type TreeView } from './tree-view.ts';

export interface TreeFlags {
  depth?: number;
  all?: boolean;
  watch?: boolean;
}

const REFRESH_MS = 300;
/** A large tree takes time to read: the server shall have more of it for others. */
const IDLE_SHARE = 3;
const GIVE_UP_AFTER_MS = 60_000;
/** What a pipeline leaves open at its end is cancelled soon after. */
const LOOKS_AFTER_END = 10;

/** Draws a pipeline and its steps; with `watch` until it has ended, and then sets the exit code by its status. */
export async function showTree(cli: CliContext, session: Session, id: string, flags: TreeFlags): Promise<void> {
  if (flags.watch) return watchTree(cli, session, id, flags);
  const tree = await readTree(session.client.jobs, id, { depth: flags.depth ?? MAX_DEPTH });
  if (session.isJson) return printJson(cli, { ...tree.job, steps: tree.steps, hasMoreSteps: tree.hasMoreSteps });
  const { terminal, clock } = cli;
  const foldAbove = flags.all ? Number.POSITIVE_INFINITY : FOLD_ABOVE;
  const style = { width: terminal.width, colors: terminal.colors, foldAbove };
  for (const line of renderTree(tree, clock.now(), style)) terminal.print(line);
  if (tree.steps.length === 0) terminal.note(isTerminal(tree.job.status) ? 'It has no steps.' : 'It has no steps yet.');
}

async function watchTree(cli: CliContext, { client, isJson }: Session, id: string, flags: TreeFlags): Promise<void> {
  const view = openView(cli, isJson, flags);
  const stopping = new AbortController();
  const removeListener = cli.onInterrupt(() => stopping.abort());
  try {
    const follow = { jobs: client.jobs, view, depth: flags.depth ?? MAX_DEPTH, signal: stopping.signal };
    const job = await followTree(follow, id);
    if (!job) return stopWatching(cli, id, view);
    view.finish(job);
    cli.setExitCode(job.status === 'completed' ? exitCodes.done : exitCodes.jobFailed);
  } finally {
    removeListener();
    view.close();
  }
}

function openView(cli: CliContext, isJson: boolean, flags: TreeFlags): TreeView {
  if (isJson) return createJsonTreeView(cli);
  return cli.terminal.isInteractive
    ? createLiveTreeView(cli, { showsAll: flags.all === true })
    : createPlainTreeView(cli);
}

export interface FollowTree {
  jobs: JobsClient;
  view: TreeView;
  /** 1 to 10. */
  depth: number;
  signal: AbortSignal;
}

/**
 * Shows a pipeline and its steps until they have ended, through a restart of the server too.
 * @returns the ended job, not yet shown as such; undefined when `signal` came first
 */
export async function followTree(
  { jobs, view, depth, signal }: FollowTree,
  id: string,
): Promise<JobResource | undefined> {
  let hasAnswered = false;
  const patience = createPatience(
    {
      get hasAnswered() {
        return hasAnswered;
      },
    },
    { giveUpAfterMs: GIVE_UP_AFTER_MS, signal },
  );
  for (let looksAfterEnd = 0; !signal.aborted; ) {
    const startedAtMs = performance.now();
    const tree = await readTree(jobs, id, { depth, signal }).catch(async (error: unknown) => {
      if (!signal.aborted) await patience.endure(error);
      return undefined;
    });
    if (!tree) continue;
    hasAnswered = true;
    patience.recordAnswer();
    view.show(tree);
    if (isTerminal(tree.job.status)) looksAfterEnd += 1;
    if (isAtRest(tree) || looksAfterEnd > LOOKS_AFTER_END) return tree.job;
    await pause(Math.max(REFRESH_MS, IDLE_SHARE * (performance.now() - startedAtMs)), signal);
  }
  return undefined;
}

function stopWatching(cli: CliContext, id: string, view: TreeView): void {
  view.close();
  cli.terminal.note(`Stopped watching; the job goes on. Watch it again: npx longshore jobs tree ${id} --watch`);
  cli.setExitCode(exitCodes.interrupted);
}
