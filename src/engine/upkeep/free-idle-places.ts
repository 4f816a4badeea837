import type { Engine } from '../engine.ts';

const BATCH = 500;
const INTERVAL_MS = 5000;

/**
 * Takes jobs of tenants with a limit back from BullMQ where their queue has been paused since, or has lost its last worker: they would
 * keep the places of those that could run. @returns milliseconds until it wants to be called again
 */
export async function freeIdlePlaces({ store, freedPlaces }: Engine): Promise<number> {
  const tenants = await store.backlog.reclaimIdle(BATCH);
  freedPlaces.note(tenants);
  return tenants.length === BATCH ? 0 : INTERVAL_MS;
}
