/** Why a run was told to end before its handler did. */
export type AbortReason = 'timeout' | 'cancelled' | 'superseded' | 'shutdown';

/** Carries the {@link AbortReason} as the reason of `ctx.signal`. */
export class RunAborted extends Error {
  override name = 'AbortError';
  readonly why: AbortReason;
  constructor(why: AbortReason) {
    super(`the run was aborted: ${why}`);
    this.why = why;
  }
}

export function whyAborted(signal: AbortSignal): AbortReason {
  return signal.reason instanceof RunAborted ? signal.reason.why : 'shutdown';
}
