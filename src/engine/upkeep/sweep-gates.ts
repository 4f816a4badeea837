import type { JobKey } from '../../store/gates.ts';
import type { Engine } from '../engine.ts';

const PAGE = 500;
const INTERVAL_MS = 5000;

/** Makes the leader look for jobs that wait for their turn although it is free: whoever was to give it has crashed. */
export function createGateSweep(engine: Engine): () => Promise<number> {
  const rules = [...engine.registry.queues.values()].flatMap(({ name, concurrencyPerKey }) =>
    concurrencyPerKey === undefined ? [] : [{ queue: name, atOnce: concurrencyPerKey }],
  );
  let after: JobKey | undefined;
  return async () => {
    const { keys, last } = await engine.store.gates.findOpenable(after, rules, PAGE);
    engine.gatekeeper.look(keys);
    after = last;
    return last ? 0 : INTERVAL_MS;
  };
}
