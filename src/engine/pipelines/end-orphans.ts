import type { JobHead } from '../../store/job-row.ts';
import { inTransaction, type Store } from '../../store/store.ts';
import { announceEnded, toCancellation } from '../control.ts';
import type { Engine } from '../engine.ts';

const BATCH = 500;

/** Cancels the steps that pipelines left open when they ended, whatever their end was. @returns how many */
export function endOrphans(engine: Engine): Promise<number> {
  return end(engine, (store) => store.pipelineWakes.takeOrphans(BATCH));
}

/** The same for one pipeline, for somebody who cannot wait until its end is noticed. */
export async function endOrphansOf(engine: Engine, pipelineId: string): Promise<void> {
  while ((await end(engine, (store) => store.pipelineWakes.orphansOf(pipelineId, BATCH))) > 0);
}

async function end(engine: Engine, list: (store: Store) => Promise<JobHead[]>): Promise<number> {
  const { jobs, ended } = await inTransaction(engine.store, async (store) => {
    const jobs = await list(store);
    const ended =
      jobs.length === 0 ? [] : await store.transitions.apply(jobs.map((job) => toCancellation(engine, job)));
    return { jobs, ended };
  });
  await announceEnded(engine, jobs, ended);
  return ended.length;
}
