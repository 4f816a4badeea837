import type { Engine } from './engine.ts';

/** Writes down the defaults of all types, for `longshore.enqueue` in SQL. @throws STORE_UNAVAILABLE */
export function recordJobTypes({ store, registry, settings }: Engine): Promise<void> {
  const types = [...registry.definitions.values()].map(({ type, queue, attempts, timeoutMs }) => ({
    type,
    queue: queue.name,
    attempts,
    timeoutMs,
    maxInputBytes: settings.maxInputBytes,
  }));
  return store.jobTypes.record(types);
}
