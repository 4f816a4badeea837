import type { JobRow } from '../../store/job-row.ts';
import type { Engine } from '../engine.ts';
import { announceFreed } from '../places.ts';

/**
 * Ends a run of a pipeline that waits for its steps, and frees its slot. It counts as no attempt.
 * @param wakes how much has been settled, as far as the run knows
 * @returns `woken` when more has been settled meanwhile: the run goes on; `superseded` when it is not the newest any more
 * @throws STORE_UNAVAILABLE; it may be asked for again
 */
export async function suspendPipeline(
  engine: Engine,
  job: JobRow,
  wakes: number,
): Promise<'suspended' | 'woken' | 'superseded'> {
  const [applied] = await engine.store.transitions.apply([
    {
      id: job.id,
      from: ['processing'],
      fence: job.fence,
      wakes,
      to: 'waiting',
      reason: null,
      output: null,
      error: null,
      delayMs: null,
      isParked: true,
      fingerprint: null,
      attemptsBack: 1,
      outcome: 'waiting',
      webhook: null,
    },
  ]);
  if (applied) {
    engine.signals.publish('changed', [job.id]);
    announceFreed(engine, [job]);
    return 'suspended';
  }
  const now = await engine.store.jobs.get('all', job.id);
  if (now?.fence !== job.fence) return 'superseded';
  if (now.status === 'processing') return 'woken';
  return now.status === 'waiting' || now.status === 'queued' ? 'suspended' : 'superseded'; // by a try without an answer
}
