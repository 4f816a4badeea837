import { AppError } from '../../shared/errors.ts';
import { writeDespiteOthers } from '../../store/contention.ts';
import { inTransaction } from '../../store/store.ts';
import { recordAudit } from '../audit.ts';
import type { Caller, Engine } from '../engine.ts';
import type { Enqueued } from '../record-jobs.ts';
import { insertJobs } from './insert-jobs.ts';
import { requireSchedule } from './manage.ts';
import { prepareScheduled } from './prepare.ts';

/**
 * Enqueues the job of a schedule now, whatever its times, its pause and its overlap say.
 * @param jobId the job's id; a call that is made again finds the job of the first
 * @throws NOT_FOUND; UNKNOWN_TYPE, INVALID_FIELDS when its input no longer fits; TENANT_LIMIT_REACHED;
 * STORE_UNAVAILABLE
 */
export async function triggerSchedule(engine: Engine, caller: Caller, id: string, jobId: string): Promise<Enqueued> {
  const schedule = await requireSchedule(engine, caller, id);
  const { name, tenant } = schedule;
  const job = await prepareScheduled(engine, caller, schedule, jobId);
  const enqueued = await writeDespiteOthers(() =>
    inTransaction(engine.store, async (store): Promise<Enqueued | undefined> => {
      if (!(await store.schedules.lock(caller.scope, id))) return undefined;
      const { rows, refused } = await insertJobs(engine, store, [job]);
      const [row] = rows;
      if (!row) {
        const [present] = await store.jobs.findPresent([job]);
        const refusal = refused.get(jobId);
        if (!present && refusal) throw refusal;
        return present && { job: present, isDeduplicated: present.id !== jobId };
      }
      await store.schedules.insertManualRun(caller.scope, id, jobId);
      const details = { name, jobId };
      await recordAudit(store, caller, { action: 'schedule.trigger', target: id, tenant, details });
      return { job: row, isDeduplicated: false };
    }),
  );
  if (!enqueued) throw new AppError('NOT_FOUND', `there is no schedule ${id}`);
  engine.dispatcher.handOver(enqueued.isDeduplicated ? [] : [enqueued.job]);
  return enqueued;
}
