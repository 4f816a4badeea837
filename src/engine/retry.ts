import { isTerminal, type JobStatus } from '../contract/job.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import type { JobRow } from '../store/job-row.ts';
import { findInputFaults } from './check-request.ts';
import type { Caller, Engine } from './engine.ts';
import { requireJob } from './inquire.ts';

export const RETRYABLE: readonly JobStatus[] = ['failed', 'cancelled', 'expired'];

/**
 * Runs a job that failed, was cancelled or expired again, under its id and with all of its attempts. Its last error and
 * its checkpoint stay.
 * @param edit the new input, where there is one
 * @throws NOT_FOUND, JOB_NOT_RETRYABLE, UNKNOWN_TYPE and INVALID_FIELDS for a new input, STORE_UNAVAILABLE
 */
export async function retryJob(
  engine: Engine,
  caller: Caller,
  id: string,
  edit: { input?: unknown } = {},
): Promise<JobRow> {
  const job = await requireJob(engine, caller, id);
  if (RETRYABLE.includes(job.status) && 'input' in edit) await checkNewInput(engine, job, edit.input);
  const [row] = await engine.store.retries.retry([{ id, ...edit }]);
  if (!row) throw await explainRefusal(engine, caller, id);
  announceQueued(engine, [row]);
  return row;
}

/** Tells of jobs that are queued again, once that is committed: those who wait for them, and those who take them. */
export function announceQueued(engine: Engine, rows: readonly Pick<JobRow, 'id' | 'queue'>[]): void {
  if (rows.length === 0) return;
  engine.signals.publish(
    'changed',
    rows.map((row) => row.id),
  );
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
  const { status, deduplicationKey } = await requireJob(engine, caller, id);
  if (!isTerminal(status)) return new AppError('JOB_NOT_RETRYABLE', `job ${id} has not ended: it is ${status}`);
  if (status === 'completed') return new AppError('JOB_NOT_RETRYABLE', `job ${id} has completed; enqueue a new one`);
  const holder = await engine.store.retries.findKeyHolder(id);
  const why = `another job${holder ? `, ${holder},` : ''} holds its deduplication key "${deduplicationKey}"`;
  return new AppError('JOB_NOT_RETRYABLE', `job ${id} cannot run again now: ${why}`);
}
