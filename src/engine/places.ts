import type { Engine } from './engine.ts';
import type { KeyedJob } from './gatekeeper.ts';

/** Tells of jobs that have ended, or wait again, once that is committed: others of their key or tenant may have their places. */
export function announceFreed(engine: Engine, jobs: readonly KeyedJob[]): void {
  engine.gatekeeper.look(jobs);
  engine.freedPlaces.note(jobs.map(({ tenant }) => tenant));
}
