import type { Engine } from '../engine.ts';

/** What the record and the transports can disagree about. */
export const driftKinds = [
  /** The record says that BullMQ holds a job, and it does not: Redis lost it, or never got it. */
  'missing',
  /** BullMQ counts a delivery as finished, and the job has not ended. */
  'finished',
  /** BullMQ has not woken a job whose time has come. */
  'overdue',
  /** BullMQ holds a delivery whose job has ended, is gone, or was handed over anew. */
  'orphaned',
  /** A queue is paused in the record, and BullMQ serves it. */
  'unpaused',
  /** A run whose worker is gone, or does not know it. */
  'lost_run',
  /** A pipeline that waits for nothing, or a step of one that has ended. */
  'unwoken',
] as const;
export type DriftKind = (typeof driftKinds)[number];
/** Disagreements by kind. */
export type Drift = Record<DriftKind, number>;

export function noDrift(): Drift {
  return { missing: 0, finished: 0, overdue: 0, orphaned: 0, unpaused: 0, lost_run: 0, unwoken: 0 };
}

/** Counts repairs for the statistics. */
export async function recordRepairs(engine: Pick<Engine, 'store'>, kind: DriftKind, repairs: number): Promise<void> {
  if (repairs > 0) await engine.store.drift.count(kind, repairs);
}
