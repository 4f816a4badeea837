/** Lets one loop wait for what others tell it. Costs nothing when it is told often; an `AbortController` makes an error each time. */
export class Wake {
  #isCalled = false;
  #finish: (() => void) | undefined;

  /** Ends the wait that is under way, or the next one. */
  call(): void {
    this.#isCalled = true;
    this.#finish?.();
  }

  /** Forgets calls so far. Before looking for work, so that a call meanwhile is not lost. */
  reset(): void {
    this.#isCalled = false;
  }

  /** Resolves after `ms`, or at the first call since `reset`. Never rejects. */
  async wait(ms: number): Promise<void> {
    if (this.#isCalled) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#finish = resolve;
    await promise;
    this.#finish = undefined;
    clearTimeout(timer);
  }
}
