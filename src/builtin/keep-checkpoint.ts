import { setTimeout as wait } from 'node:timers/promises';
import type { JobContext } from '../define/context.ts';

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5000;

/**
 * Keeps what has been done to the outside: another attempt that does not know of it would do it again. So it waits for a
 * database that is away, for as long as the run may take.
 * @throws what `ctx.checkpoint` throws for any other reason
 */
export async function keepCheckpoint(ctx: JobContext, state: unknown): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
    try {
      return await ctx.checkpoint(state);
    } catch (error) {
      ctx.signal.throwIfAborted();
      if ((error as { code?: unknown }).code !== 'STORE_UNAVAILABLE') throw error;
    }
    await wait(pauseMs, undefined, { signal: ctx.signal });
  }
}
