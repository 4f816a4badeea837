import type { JobsClient } from '../client.ts';
import type { JobResource } from '../contract/job.ts';
import type { Clock } from '../shared/time.ts';
import type { CliContext, Session } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { applyEvent, toWatchState } from './watch-state.ts';
import { createJsonView, createLiveView, createPlainView, type WatchView } from './watch-view.ts';

/** Shows a job until it has ended, and sets the exit code by its status. Ctrl-C stops watching, not the job. */
export async function watchJob(cli: CliContext, { client, isJson }: Session, id: string): Promise<void> {
  const view = isJson ? createJsonView(cli) : cli.terminal.isInteractive ? createLiveView(cli) : createPlainView(cli);
  const stopping = new AbortController();
  const removeListener = cli.onInterrupt(() => stopping.abort());
  try {
    const job = await followJob({ clock: cli.clock, jobs: client.jobs, view, signal: stopping.signal }, id);
    if (!job) return stopWatching(cli, id, view);
    view.finish(job);
    cli.setExitCode(job.status === 'completed' ? exitCodes.done : exitCodes.jobFailed);
  } finally {
    removeListener();
    view.close();
  }
}

export interface Follow {
  clock: Clock;
  jobs: JobsClient;
  view: WatchView;
  signal: AbortSignal;
}

/** @returns the ended job, not yet shown as such; undefined when `signal` came first */
export async function followJob({ clock, jobs, view, signal }: Follow, id: string): Promise<JobResource | undefined> {
  try {
    const job = await jobs.get(id, { signal });
    let state = toWatchState(job);
    view.begin(job, state);
    for await (const event of jobs.events(id, { signal })) {
      state = applyEvent(state, event, clock.now());
      view.show(event, state);
    }
    if (signal.aborted) return undefined;
    return await jobs.wait(id, { signal }); // it has ended, but the server may be away just now
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

function stopWatching(cli: CliContext, id: string, view: WatchView): void {
  view.close();
  cli.terminal.note(`Stopped watching; the job goes on. Watch it again: npx longshore jobs watch ${id}`);
  cli.setExitCode(exitCodes.interrupted);
}
