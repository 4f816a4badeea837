export interface Silence {
  /** Aborts when nothing was heard for too long, and with the run. */
  signal: AbortSignal;
  /** Begins to wait anew: call it whenever something arrives, and after a pause. */
  heard(): void;
  /** Nothing is wanted of the server for now. */
  pause(): void;
  /** Ends the watch, and whatever uses the signal. */
  end(): void;
}

/** Watches that a server does not fall silent; how long it takes in all does not matter. */
export function watchSilence(run: AbortSignal, timeoutMs: number): Silence {
  const silent = new AbortController();
  const fall = () => silent.abort(new Error(`the server was silent for ${timeoutMs} ms`));
  let timer = setTimeout(fall, timeoutMs);
  return {
    signal: AbortSignal.any([run, silent.signal]),
    heard() {
      clearTimeout(timer);
      timer = setTimeout(fall, timeoutMs);
    },
    pause: () => clearTimeout(timer),
    end() {
      clearTimeout(timer);
      silent.abort();
    },
  };
}
