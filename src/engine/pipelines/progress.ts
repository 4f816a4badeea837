import type { JobRow } from '../../store/job-row.ts';
import type { Engine } from '../engine.ts';
import { etaMsOf } from '../events.ts';
import { estimateProgress, type JobProgress } from './estimate-progress.ts';

/** What a job reports of itself, or what a pipeline's steps say of it. */
export async function progressOf(engine: Engine, job: JobRow): Promise<JobProgress> {
  const own = { percent: job.progressPercent, etaMs: etaMsOf(job) };
  if (job.steps === 0 || job.finishedAt !== null) return own;
  const { pipelineProgress } = engine.store;
  const [calls, former] = await Promise.all([
    pipelineProgress.calls([job.id]),
    pipelineProgress.formerDurations(job.tenant, job.type),
  ]);
  const { percent, etaMs } = estimateProgress(calls, former);
  return { percent: Math.max(percent, own.percent), etaMs };
}

/** Keeps the progress of pipelines of which something has ended, for lists and for those who watch. */
export async function saveProgress(engine: Engine, pipelineIds: readonly string[]): Promise<void> {
  if (pipelineIds.length === 0) return;
  const { pipelineProgress } = engine.store;
  const calls = Map.groupBy(await pipelineProgress.calls(pipelineIds), (call) => call.pipelineId);
  const percents = [...calls].map(([id, ofOne]) => ({ id, percent: estimateProgress(ofOne, NO_FORMER).percent }));
  engine.signals.publish('changed', await pipelineProgress.save(percents));
}

const NO_FORMER: ReadonlyMap<string, number> = new Map();
