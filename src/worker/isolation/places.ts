/** So many may be inside at once; others wait in the order in which they came. */
export class Places {
  readonly #max: number;
  readonly #onChange: () => void;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  /** @param onChange called when one comes or goes */
  constructor(max: number, onChange: () => void) {
    this.#max = max;
    this.#onChange = onChange;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for a place.
   * @returns a function that leaves it, to be called once
   * @throws the reason of the signal, if that aborts first
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken >= this.#max) await this.#wait(signal);
    else this.#taken += 1;
    return () => this.#leave();
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => {
      this.#waiting.delete(resolve);
      reject(signal.reason);
      this.#onChange();
    };
    this.#waiting.add(resolve);
    signal.addEventListener('abort', giveUp, { once: true });
    this.#onChange();
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  // The place is handed over, so that nobody who comes now gets in between.
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#taken -= 1;
    } else {
      this.#waiting.delete(next);
      next();
    }
    this.#onChange();
  }
}
