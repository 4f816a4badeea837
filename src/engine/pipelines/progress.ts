import type { JobRow } from '../../store/job-row.ts';
import type { Engine } from '../engine.ts';
import { etaMsOf } from '../eta.ts';
import { estimateProgress, type JobProgress } from './estimate-progress.ts';

/** What a job reports of itself, or what a pipeline's steps say of it. */
export async function progressOf(engine: Engine, job: JobRow): Promise<JobProgress> {
  const own = { percent: job.progressPercent, etaMs: etaMsOf(job) };
  if (job.steps === 0 || job.finishedAt !== null) return own;
  const estimate = (await estimateAll(engine, [job.id])).get(job.id) ?? own;
  return { ...estimate, percent: Math.max(estimate.percent, own.percent) };
}

/** Keeps the progress of pipelines of which something has ended, for lists and for those who watch. */
export async function saveProgress(engine: Engine, pipelineIds: readonly string[]): Promise<void> {
  if (pipelineIds.length === 0) return;
  const estimates = await estimateAll(engine, pipelineIds);
  const percents = [...estimates].map(([id, { percent }]) => ({ id, percent }));
  engine.signals.publish('changed', await engine.store.pipelineProgress.save(percents));
}

async function estimateAll(engine: Engine, pipelineIds: readonly string[]): Promise<Map<string, JobProgress>> {
  const { pipelineProgress } = engine.store;
  const [calls, durations] = await Promise.all([
    pipelineProgress.calls(pipelineIds),
    pipelineProgress.formerDurations(pipelineIds),
  ]);
  const formerOf = Map.groupBy(durations, ({ pipelineId }) => pipelineId);
  return new Map(
    [...Map.groupBy(calls, ({ pipelineId }) => pipelineId)].map(([id, ofOne]) => {
      const former = new Map(formerOf.get(id)?.map(({ key, tookMs }) => [key, tookMs]));
      return [id, estimateProgress(ofOne, former)];
    }),
  );
}
