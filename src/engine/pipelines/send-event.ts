import { eventNameSchema } from '../../contract/steps.ts';
import { AppError, invalidFields } from '../../shared/errors.ts';
import { findUnstorableText } from '../../shared/json.ts';
import type { JobRow } from '../../store/job-row.ts';
import { inTransaction } from '../../store/store.ts';
import { recordAudit } from '../audit.ts';
import type { Caller, Engine } from '../engine.ts';
import { requireJob } from '../inquire.ts';

/**
 * Tells a pipeline something, which `step.waitForEvent` takes now or later.
 * @param eventId its id; where there is an event of that id already, nothing is told again
 * @returns the pipeline
 * @throws NOT_FOUND, INVALID_FIELDS for a name or text that cannot be kept, or a job that is no pipeline, JOB_TERMINAL
 */
export async function sendEvent(
  engine: Engine,
  caller: Caller,
  jobId: string,
  name: string,
  payload: unknown,
  eventId: string,
): Promise<JobRow> {
  const ofName = eventNameSchema.safeParse(name).error?.issues ?? [];
  const faults = [...ofName.map(({ message }) => ({ path: 'name', message })), ...findUnstorableText(payload, '')];
  if (faults.length > 0) throw invalidFields(faults);
  const job = await requireJob(engine, caller, jobId);
  // Where the type is not loaded, it may still be one that a worker knows.
  if (engine.registry.definitions.get(job.type)?.isPipeline === false) {
    throw invalidFields([{ path: 'id', message: `job ${job.id} (${job.type}) is no pipeline: it waits for no event` }]);
  }
  const isKept = await inTransaction(engine.store, async (store) => {
    const isRecorded = await store.pipelineEvents.record({ id: eventId, pipelineId: job.id, name, payload });
    const { tenant } = job;
    const details = { name, eventId };
    if (isRecorded) await recordAudit(store, caller, { action: 'job.send_event', target: job.id, tenant, details });
    return isRecorded;
  });
  if (!isKept) {
    const { status } = await requireJob(engine, caller, jobId);
    throw new AppError('JOB_TERMINAL', `job ${job.id} has already ended as ${status}`);
  }
  engine.waker.wake();
  return job;
}
