import type { ScheduleOptions } from '../../contract/schedules.ts';
import { isAppError } from '../../shared/errors.ts';
import { messageOf } from '../../shared/failure.ts';
import type { ScheduleRow } from '../../store/schedule-row.ts';
import { ownOrigin, prepareJob } from '../check-request.ts';
import type { Caller, Engine } from '../engine.ts';
import type { PreparedJob } from '../record-jobs.ts';

/** What a schedule enqueues. */
export interface ScheduledRequest extends Pick<ScheduleRow, 'id' | 'tenant' | 'type' | 'input'> {
  options: ScheduleOptions;
}

/** @throws as {@link prepareJob} */
export function prepareScheduled(
  engine: Engine,
  caller: Caller,
  { id, tenant, type, input, options }: ScheduledRequest,
  jobId: string,
): Promise<PreparedJob> {
  const origin = { ...ownOrigin(jobId), scheduleId: id };
  return prepareJob(engine, caller, { type, input, options: { ...options, tenant } }, origin);
}

export type Prepared = { ok: true; job: PreparedJob } | { ok: false; fault: string };

/**
 * The same for a schedule that is due. Whatever is wrong with it becomes a fault, so that nothing else is held up.
 * @throws STORE_UNAVAILABLE
 */
export async function tryToPrepare(engine: Engine, schedule: ScheduleRow): Promise<Prepared> {
  const { webhook = null, ...options } = schedule.options;
  const caller: Caller = { scope: { tenant: schedule.tenant }, actor: 'schedule' };
  try {
    // The address of the webhook was checked when it was given, and is with each delivery: no DNS within a transaction.
    const job = await prepareScheduled(engine, caller, { ...schedule, options }, schedule.id);
    return { ok: true, job: { ...job, webhook } };
  } catch (error) {
    if (isAppError(error, 'STORE_UNAVAILABLE')) throw error;
    return { ok: false, fault: messageOf(error) };
  }
}
