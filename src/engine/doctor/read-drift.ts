import { createBullMqObserver } from '../../queue/bullmq-observer.ts';
import type { HeldJobs } from '../../queue/transport.ts';
import { pause } from '../../shared/time.ts';
import type { Database } from '../../store/database.ts';
import { createDiagnosisStore } from '../../store/diagnosis.ts';
import { createForgottenPipelineStore } from '../../store/forgotten-pipelines.ts';
import { createStore } from '../../store/store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type Drift, driftKinds, noDrift } from '../upkeep/drift.ts';
import { type ReconcileParts, reconcile } from '../upkeep/reconcile.ts';
import type { DriftFacts } from './judge-record.ts';

export interface DriftOptions {
  database: Database;
  /** Undefined where PostgreSQL delivers: then only runs can be lost. */
  redis: { url: string; prefix: string } | undefined;
  log: Logger;
}

/** Between two comparisons: what was only on its way has arrived by then. */
const SECOND_LOOK_MS = 500;

/**
 * Compares the record with what BullMQ holds. Only queues of which BullMQ should hold something: those of the other transport
 * cannot be told apart without the job files, and the doctor runs none of your code.
 */
export async function readDrift({ database, redis, log }: DriftOptions): Promise<DriftFacts> {
  const ofRecord = {
    lost_run: await createDiagnosisStore(database).countLostRuns(),
    unwoken: await createForgottenPipelineStore(database).count(),
  };
  if (!redis) return { drift: { ...noDrift(), ...ofRecord }, pausedThere: [] };
  const bullmq = createBullMqObserver(redis.url, redis.prefix);
  try {
    const parts = { store: createStore(database), transports: { of: () => bullmq, all: [bullmq] }, log };
    const drift = await compareTwice(parts);
    return { drift: { ...drift, ...ofRecord }, pausedThere: await findPausedThere(parts, bullmq.held) };
  } finally {
    await bullmq.stop();
  }
}

/** A job that moves between the looks at the two sides seems to have drifted; what has is still so a moment later. */
async function compareTwice(parts: ReconcileParts): Promise<Drift> {
  const first = await reconcile(parts, [], { isDryRun: true });
  if (driftKinds.every((kind) => first[kind] === 0)) return first;
  await pause(SECOND_LOOK_MS);
  const second = await reconcile(parts, [], { isDryRun: true });
  for (const kind of driftKinds) second[kind] = Math.min(first[kind], second[kind]);
  return second;
}

async function findPausedThere({ store }: ReconcileParts, held: HeldJobs | undefined): Promise<string[]> {
  const [queues, pausedHere] = await Promise.all([store.drift.queuesHeld(), store.drift.pausedQueues()]);
  const others = queues.filter((queue) => !pausedHere.includes(queue));
  const arePaused = await Promise.all(others.map((queue) => held?.isPaused(queue)));
  return others.filter((_queue, index) => arePaused[index]);
}
