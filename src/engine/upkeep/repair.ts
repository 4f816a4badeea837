import { createDiagnosisStore } from '../../store/diagnosis.ts';
import type { Engine } from '../engine.ts';
import type { Drift } from './drift.ts';
import { reconcile } from './reconcile.ts';
import { remindPipelines } from './remind.ts';
import { rescueLostRuns } from './rescue.ts';

const BATCH = 500;

/**
 * Repairs all drift now, also where no program runs. Lost runs are left to a leader where there is one: it knows whether
 * workers are silent because they are gone, or because the database was.
 */
export async function repairNow(engine: Engine): Promise<Drift> {
  const { lease } = await createDiagnosisStore(engine.store.database).readLeadership();
  let lostRuns = 0;
  if (!lease || lease.leftMs <= 0) {
    for (let rescued = BATCH; rescued === BATCH; lostRuns += rescued) rescued = await rescueLostRuns(engine, BATCH);
  }
  const queues = [...engine.registry.queues.keys()].filter((queue) => engine.transports.of(queue).held);
  const drift = await reconcile(engine, queues, { isDryRun: false });
  return { ...drift, lost_run: lostRuns, unwoken: await remindPipelines(engine) };
}
