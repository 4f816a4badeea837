/** A door in a handler: a test sees which runs wait at it, and opens it. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  /** Runs that have come to the door so far. */
  arrivals = 0;

  /** Waits for the door; with a signal it gives up, as a handler that obeys its signal does. */
  async pass(signal?: AbortSignal): Promise<void> {
    this.arrivals += 1;
    const aborted = Promise.withResolvers<never>();
    const giveUp = () => aborted.reject(signal?.reason);
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted) giveUp();
    await Promise.race([this.#opened.promise, aborted.promise]);
  }

  open(): void {
    this.#opened.resolve();
  }
}
