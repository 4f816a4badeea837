import type { RunKey } from '../../store/jobs.ts';
import type { RescuedRun } from '../../store/rescues.ts';
import type { Engine } from '../engine.ts';
import { announceQueued } from '../retry.ts';
import { recordRepairs } from './drift.ts';

/**
 * Gives the runs of workers that are gone back to their queues, on both transports: BullMQ's own stalled check needs a Redis
 * that still knows them. @returns how many
 */
export async function rescueLostRuns(engine: Engine, limit: number): Promise<number> {
  return announce(
    engine,
    await engine.store.rescues.rescueLost(limit, ratedQueuesOf(engine)),
    'the worker of a run is gone; the job runs again',
  );
}

/** Gives back runs that the record ascribes to a worker that does not know them, once they are `minAgeMs` old. */
export async function rescueForgottenRuns(
  engine: Engine,
  worker: string,
  known: readonly RunKey[],
  minAgeMs: number,
): Promise<void> {
  const ratedQueues = ratedQueuesOf(engine);
  const rescued = await engine.store.rescues.rescueForgotten({ worker, queue: null, known, minAgeMs, ratedQueues });
  await announce(engine, rescued, 'a run of this worker was lost; the job runs again');
}

/** Queues in which starts of a key are counted. */
function ratedQueuesOf({ registry }: Engine): string[] {
  return [...registry.queues.values()].filter(({ rateLimitPerKey }) => rateLimitPerKey).map(({ name }) => name);
}

async function announce(engine: Engine, rescued: readonly RescuedRun[], message: string): Promise<number> {
  if (rescued.length === 0) return 0;
  for (const { id, type, queue, worker, rescues } of rescued) {
    engine.log.warn(message, { jobId: id, type, queue, lost: worker, rescues });
  }
  announceQueued(
    engine,
    rescued.map((run) => (run.gate === null ? { ...run, concurrencyKey: null } : run)), // the others keep their turn
  );
  engine.freedPlaces.note(rescued.map(({ tenant }) => tenant));
  await recordRepairs(engine, 'lost_run', rescued.length);
  return rescued.length;
}
