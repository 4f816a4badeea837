import { INDEX_MIN } from '../../store/search-index.ts';
import type { Engine } from '../engine.ts';

const IDLE_MS = 1000;
const TIDY_INTERVAL_MS = 10_000;
const TIDY_CHUNKS = 200;
/** How long it rests after each batch, in times of what that took: jobs that run come first. */
const REST = 3;

/**
 * Makes work for a loop that adds jobs to the index that lists and bulk actions search: those that are new or have failed
 * since the last call, then some from before there was an index. What is not in it yet is found all the same.
 */
export function createIndexing(engine: Engine): () => Promise<number> {
  const { searchIndex } = engine.store;
  let isFilled = false;
  let tidyAtMs = 0;
  let tidyAfter = 0;
  return async () => {
    if (performance.now() >= tidyAtMs) {
      tidyAfter = await searchIndex.removeEmpty(tidyAfter, TIDY_CHUNKS);
      tidyAtMs = performance.now() + TIDY_INTERVAL_MS;
    }
    const startedAtMs = performance.now();
    const rest = () => Math.ceil(REST * (performance.now() - startedAtMs));
    if ((await searchIndex.indexNoted(INDEX_MIN)) > 0) return rest();
    isFilled ||= (await searchIndex.backfill()) === 0;
    return isFilled ? IDLE_MS : rest();
  };
}
