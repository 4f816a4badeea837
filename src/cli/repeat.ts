import { createPatience } from '../client/patience.ts';
import { pause } from '../shared/time.ts';
import type { CliContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';

const GIVE_UP_AFTER_MS = 60_000;

/** Does something every `intervalMs` until Ctrl-C, through a restart of the server too. */
export async function repeatUntilInterrupt(
  cli: CliContext,
  intervalMs: number,
  act: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stopping = new AbortController();
  const removeListener = cli.onInterrupt(() => stopping.abort());
  const { signal } = stopping;
  const state = { hasAnswered: false };
  const patience = createPatience(state, { giveUpAfterMs: GIVE_UP_AFTER_MS, signal });
  try {
    while (!signal.aborted) {
      try {
        await act(signal);
        state.hasAnswered = true;
        patience.recordAnswer();
        await pause(intervalMs, signal);
      } catch (error) {
        if (!signal.aborted) await patience.endure(error);
      }
    }
  } finally {
    removeListener();
  }
  cli.setExitCode(exitCodes.interrupted);
}
