import type { Client } from '../../client.ts';
import type { CliContext } from '../context.ts';
import { pressKey } from './keys.ts';
import { readSnapshot } from './read-snapshot.ts';
import { renderTop } from './render.ts';
import { openScreen } from './screen.ts';
import { createTopState, type Effect, type TopState } from './state.ts';

/** Shows the screen until the person quits, or a signal ends it; the terminal is then as it was before. */
export async function runTop(cli: CliContext, client: Client, intervalMs: number): Promise<void> {
  const { terminal, clock } = cli;
  const screen = openScreen(terminal);
  const stopping = new AbortController();
  const { signal } = stopping;
  let state = createTopState(client.url);
  let asking: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const draw = () => screen.draw(renderTop(state, { width: terminal.width, height: terminal.height }, terminal.colors));
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
    } catch (error) {
      if (!either.aborted) update({ fault: describeFault(error) });
    }
    if (!either.aborted) timer = setTimeout(refresh, intervalMs);
  };
  const act = async (effect: Effect) => {
    if (effect.kind === 'quit') return stopping.abort();
    try {
      const change = await carryOut(client, effect, signal);
      if (!signal.aborted) update(change);
    } catch (error) {
      if (!signal.aborted) update({ notice: describeFault(error) });
    }
    if (!signal.aborted && effect.kind !== 'open') await refresh();
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
  try {
    draw();
    void refresh(); // it shows its own faults
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  } finally {
    clearTimeout(timer);
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
      return { mode: { kind: 'details', job: await client.jobs.get(effect.id, { signal }), scroll: 0 } };
    default:
      return {};
  }
}

function describeFault(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
