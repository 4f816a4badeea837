import type { Engine } from '../engine.ts';
import { recordRepairs } from './drift.ts';

/** Wakes pipelines that wait for nothing any more, and ends steps whose pipeline has ended. @returns how many pipelines */
export async function remindPipelines(engine: Engine): Promise<number> {
  const reminded = await engine.store.forgottenPipelines.remind();
  if (reminded === 0) return 0;
  engine.log.warn('pipelines waited for nothing, or their steps went on without them', { pipelines: reminded });
  engine.waker.wake();
  await recordRepairs(engine, 'unwoken', reminded);
  return reminded;
}
