import { isTerminal, type JobStatus } from '../contract/job.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import type { JobRow } from '../store/job-row.ts';
import { inTransaction } from '../store/store.ts';
import { admitJobs } from './admission.ts';
import { recordAudit } from './audit.ts';
import { findInputFaults } from './check-request.ts';
import type { Caller, Engine } from './engine.ts';
import type { KeyedJob } from './gatekeeper.ts';
import { requireJob } from './inquire.ts';
import { endOrphansOf } from './pipelines/end-orphans.ts';

export const RETRYABLE: readonly JobStatus[] = ['failed', 'cancelled', 'expired'];

/**
 * Runs a job that failed, was cancelled or expired again, under its id and with all of its attempts. Its last error and
 * its checkpoint stay. A pipeline keeps what completed of its steps; a step is retried together with its pipeline.
 * @param edit the new input, where there is one
 * @throws NOT_FOUND, JOB_NOT_RETRYABLE, UNKNOWN_TYPE and INVALID_FIELDS for a new input, TENANT_LIMIT_REACHED,
 * STORE_UNAVAILABLE
 */
export async function retryJob(
  engine: Engine,
  caller: Caller,
  id: string,
  edit: { input?: unknown } = {},
): Promise<JobRow> {
  const job = await requireJob(engine, caller, id);
  if (RETRYABLE.includes(job.status) && 'input' in edit) {
    await checkNewInput(engine, job, edit.input);
    if (job.steps > 0) await endOrphansOf(engine, id); // it forgets its steps, and nobody would end those
  }
  const rows = await retryWithinLimits(engine, caller, job, edit);
  const row = rows.find((each) => each.id === id);
  if (!row) throw await explainRefusal(engine, caller, id);
  announceRetried(engine, rows);
  return row;
}

/** It counts as one that waits, but not against the limit of the day: it was counted when it was enqueued. */
async function retryWithinLimits(
  engine: Engine,
  caller: Caller,
  job: JobRow,
  edit: { input?: unknown },
): Promise<JobRow[]> {
  const { id, tenant } = job;
  const { refused, release } = await admitJobs(engine, RETRYABLE.includes(job.status) ? [job] : []);
  for (const error of refused.values()) throw error;
  let rows: JobRow[] = [];
  try {
    rows = await inTransaction(engine.store, async (store) => {
      const retried = await store.retries.retry([{ id, ...edit }]);
      const details = { type: job.type, isEdited: 'input' in edit };
      if (retried.length > 0) await recordAudit(store, caller, { action: 'job.retry', target: id, tenant, details });
      return retried;
    });
    return rows;
  } finally {
    release(new Set(rows.map((row) => row.id)));
  }
}

/** Tells of jobs that run again, once that is committed. */
export function announceRetried(engine: Engine, rows: readonly JobRow[]): void {
  announceQueued(engine, rows);
  engine.waker.wake(); // for steps that wait for their turn, or have come to their end meanwhile
}

/** Tells of jobs that are queued again, once that is committed: those who wait for them, and those who take them. */
export function announceQueued(engine: Engine, rows: readonly (Pick<JobRow, 'id'> & KeyedJob)[]): void {
  if (rows.length === 0) return;
  engine.signals.publish(
    'changed',
    rows.map((row) => row.id),
  );
  engine.gatekeeper.look(rows);
  const queues = [...new Set(rows.map((row) => row.queue))];
  engine.signals.publish(
    'work',
    queues.filter((queue) => !engine.transports.of(queue).held),
  );
  engine.dispatcher.wake(); // the others wait in the backlog
}

async function checkNewInput(engine: Engine, { type }: JobRow, input: unknown): Promise<void> {
  const errors = await findInputFaults(engine, { type, input });
  if (errors.length === 0) return;
  if (engine.registry.definitions.has(type)) throw invalidFields(errors);
  throw new AppError('UNKNOWN_TYPE', `there is no job type "${type}" to check the input with`, { errors });
}

async function explainRefusal(engine: Engine, caller: Caller, id: string): Promise<AppError> {
  const { status, deduplicationKey, stepKey, parentId } = await requireJob(engine, caller, id);
  if (!isTerminal(status)) return new AppError('JOB_NOT_RETRYABLE', `job ${id} has not ended: it is ${status}`);
  if (status === 'completed') return new AppError('JOB_NOT_RETRYABLE', `job ${id} has completed; enqueue a new one`);
  if (stepKey !== null && parentId !== null && deduplicationKey === null) {
    const why = `its pipeline, ${parentId}, goes on, or has gone on without it; retry that one once it has failed`;
    return new AppError('JOB_NOT_RETRYABLE', `job ${id} cannot run again: ${why}`);
  }
  const holder = await engine.store.retries.findKeyHolder(id);
  const why = `another job${holder ? `, ${holder},` : ''} holds its deduplication key "${deduplicationKey}"`;
  return new AppError('JOB_NOT_RETRYABLE', `job ${id} cannot run again now: ${why}`);
}
