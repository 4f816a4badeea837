import type { Orphans } from '../../store/pipeline-ends.ts';
import { inTransaction, type Store } from '../../store/store.ts';
import { announceEnded, toCancellation } from '../control.ts';
import type { Engine } from '../engine.ts';

const BATCH = 500;

/** Cancels steps that pipelines left open when they ended, whatever their end was. @returns whether there may be more */
export function endOrphans(engine: Engine): Promise<boolean> {
  return end(engine, (store) => store.pipelineEnds.takeOrphans(BATCH));
}

/** Cancels those of one pipeline, for somebody who cannot wait until its end is noticed. */
export async function endOrphansOf(engine: Engine, pipelineId: string): Promise<void> {
  while (await end(engine, (store) => store.pipelineEnds.orphansOf(pipelineId, BATCH)));
}

async function end(engine: Engine, list: (store: Store) => Promise<Orphans>): Promise<boolean> {
  const { jobs, ended, isFull } = await inTransaction(engine.store, async (store) => {
    const { jobs, isFull } = await list(store);
    const ended =
      jobs.length === 0 ? [] : await store.transitions.apply(jobs.map((job) => toCancellation(engine, job)));
    return { jobs, ended, isFull };
  });
  await announceEnded(engine, jobs, ended);
  return isFull;
}
