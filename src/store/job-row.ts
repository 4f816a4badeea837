import { getTableColumns, type InferSelectModel } from 'drizzle-orm';
import type { WebhookOptions } from '../contract/enqueue.ts';
import type { JobStatus } from '../contract/job.ts';
import type { Backoff } from '../shared/backoff.ts';
import type { Failure } from '../shared/failure.ts';
import { jobs } from './schema.ts';

export type RecordedFailure = Failure & { attempt: number };

/** A job as the record has it. */
export type JobRow = Omit<InferSelectModel<typeof jobs>, 'status' | 'metadata' | 'error' | 'backoff' | 'webhook'> & {
  status: JobStatus;
  metadata: Record<string, unknown>;
  error: RecordedFailure | null;
  backoff: Backoff | null;
  webhook: WebhookOptions | null;
};

/** A job without what may be large. */
export type JobHead = Omit<JobRow, 'input' | 'output' | 'checkpoint'>;

/** The order in which jobs of a queue start. */
export function byPriorityAndTime(a: JobRow, b: JobRow): number {
  return b.priority - a.priority || a.runAt.getTime() - b.runAt.getTime() || (a.id < b.id ? -1 : 1);
}

/** Every column of a job for a plain SQL statement, named as in {@link JobRow}. */
export function jobColumns(alias: string): string {
  return formatColumns(getTableColumns(jobs), alias);
}

/** The same for a {@link JobHead}. */
export function jobHeadColumns(alias: string): string {
  const { input: _input, output: _output, checkpoint: _checkpoint, ...columns } = getTableColumns(jobs);
  return formatColumns(columns, alias);
}

function formatColumns(columns: Record<string, { name: string }>, alias: string): string {
  return Object.entries(columns)
    .map(([key, column]) => `${alias}.${column.name} as "${key}"`)
    .join(', ');
}
