import { isPassing } from '../../client/retries.ts';
import type { Client } from '../../client.ts';
import type { CliContext } from '../context.ts';
import { createJobReader, type JobReader } from './job-reader.ts';
import { pressKey } from './keys.ts';
import { readSnapshot } from './read-snapshot.ts';
import { renderTop } from './render.ts';
import { openScreen } from './screen.ts';
import { createTopState, type Effect, type TopState } from './state.ts';

/** Ages grow although nothing happens. */
const REDRAW_MS = 1_000;

/** Shows the screen until the person quits, or a signal ends it; the terminal is then as it was before. */
export async function runTop(cli: CliContext, client: Client, intervalMs: number): Promise<void> {
  const { terminal, clock } = cli;
  const screen = openScreen(terminal);
  const stopping = new AbortController();
  const { signal } = stopping;
  let state = createTopState(client.url);
  let asking: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let reader: JobReader | undefined;

  const draw = () => {
    const { width, height, colors } = terminal;
    screen.draw(renderTop(state, { width, height, nowMs: clock.now() }, colors));
  };
  const update = (change: Partial<TopState>) => {
    state = { ...state, ...change };
    draw();
  };
  const refresh = async () => {
    clearTimeout(timer);
    asking?.abort(); // what it asked for is no longer what is shown
    const own = new AbortController();
    asking = own;
    const either = AbortSignal.any([signal, own.signal]);
    try {
      const snapshot = await readSnapshot(client, state, { nowMs: clock.now(), signal: either });
      if (!either.aborted) update({ snapshot, fault: undefined });
      await readJob(either);
    } catch (error) {
      if (!either.aborted) update({ fault: describeFault(error) });
    }
    if (!either.aborted) timer = setTimeout(refresh, intervalMs);
  };
  const readJob = async (either: AbortSignal) => {
    if (state.mode.kind !== 'details') return;
    const { id } = state.mode.job;
    if (reader?.id !== id) reader = createJobReader(client, id);
    const read = await reader.read({ signal: either, retries: 0 }).catch((error: unknown) => {
      if (either.aborted || isPassing(error)) throw error;
      update({ notice: describeFault(error), mode: { kind: 'browse' } }); // it was deleted, for example
    });
    if (!read) return;
    // The person may have left it meanwhile, for another one too.
    if (!either.aborted && state.mode.kind === 'details' && state.mode.job.id === id) {
      update({ mode: { ...state.mode, ...read } });
    }
  };
  const act = async (effect: Effect) => {
    if (effect.kind === 'quit') return stopping.abort();
    try {
      const change = await carryOut(client, effect, signal);
      if (!signal.aborted) update(change);
    } catch (error) {
      if (!signal.aborted) update({ notice: describeFault(error) });
    }
    if (!signal.aborted) await refresh();
  };
  const listeners = [
    cli.onKey((key) => {
      const { state: next, effect } = pressKey(state, key);
      update(next);
      if (effect) void act(effect); // it shows its own faults
    }),
    cli.onInterrupt(() => stopping.abort()),
    cli.onResize(() => {
      screen.forget();
      draw();
    }),
    cli.onExit(screen.close), // also where a fault of ours ends the process
  ];
  const clockwork = setInterval(draw, REDRAW_MS);
  try {
    draw();
    void refresh(); // it shows its own faults
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  } finally {
    clearTimeout(timer);
    clearInterval(clockwork);
    for (const removeListener of listeners) removeListener();
    screen.close();
  }
}

/** @returns what the screen says afterwards */
async function carryOut(client: Client, effect: Effect, signal: AbortSignal): Promise<Partial<TopState>> {
  switch (effect.kind) {
    case 'pause':
      await client.queues.pause(effect.queue, { signal });
      return { notice: `${effect.queue} is paused: its running jobs finish, no other one starts` };
    case 'resume':
      await client.queues.resume(effect.queue, { signal });
      return { notice: `${effect.queue} goes on` };
    case 'retry':
      await client.jobs.retry(effect.id, {}, { signal });
      return { notice: `${effect.id} runs again`, mode: { kind: 'browse' } };
    case 'cancel':
      await client.jobs.cancel(effect.id, { signal });
      return { notice: `${effect.id} is being cancelled`, mode: { kind: 'browse' } };
    case 'open':
      return { mode: { kind: 'details', job: await client.jobs.get(effect.id, { signal }), logs: [], scroll: 0 } };
    default:
      return {};
  }
}

function describeFault(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
