import { inspect } from 'node:util';

export interface WaitOptions {
  /** Default 15,000. */
  timeoutMs?: number;
  /** Default 20. */
  intervalMs?: number;
  /** What is waited for, for the message: "job … is completed". */
  describe: string;
}

/**
 * Calls `probe` until it returns something truthy. A probe that throws counts as not yet.
 * @returns the first truthy value
 * @throws an Error with the description and what the probe last returned or threw
 */
export async function waitFor<Value>(
  probe: () => Promise<Value> | Value,
  options: WaitOptions,
): Promise<Exclude<Value, false | 0 | '' | null | undefined>> {
  const { timeoutMs = 15_000, intervalMs = 20, describe } = options;
  const deadline = performance.now() + timeoutMs; // the wall clock of a virtual machine may jump
  for (;;) {
    let last: unknown;
    try {
      const value = await probe();
      if (value) return value as Exclude<Value, false | 0 | '' | null | undefined>;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeoutMs} ms for: ${describe}; last seen: ${inspect(last, { depth: 4 })}`);
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
