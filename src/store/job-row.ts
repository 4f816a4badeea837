import type { InferSelectModel } from 'drizzle-orm';
import type { WebhookOptions } from '../contract/enqueue.ts';
import type { JobStatus } from '../contract/job.ts';
import type { Backoff } from '../shared/backoff.ts';
import type { Failure } from '../shared/failure.ts';
import type { jobs } from './schema.ts';

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

/** A job's fields and their columns. A test compares them with the schema, whose library takes longer to load than a start. */
const columns = {
  id: 'id',
  tenant: 'tenant',
  type: 'type',
  queue: 'queue',
  status: 'status',
  reason: 'reason',
  priority: 'priority',
  tags: 'tags',
  metadata: 'metadata',
  input: 'input',
  output: 'output',
  error: 'error',
  progressPercent: 'progress_percent',
  progressMessage: 'progress_message',
  progressSeq: 'progress_seq',
  checkpoint: 'checkpoint',
  attempt: 'attempt',
  maxAttempts: 'max_attempts',
  rescues: 'rescues',
  backoff: 'backoff',
  timeoutMs: 'timeout_ms',
  webhook: 'webhook',
  fence: 'fence',
  delivery: 'delivery',
  foreignId: 'foreign_id',
  deduplicationKey: 'deduplication_key',
  fingerprint: 'fingerprint',
  worker: 'worker',
  parentId: 'parent_id',
  stepKey: 'step_key',
  stepIndex: 'step_index',
  steps: 'steps',
  wakes: 'wakes',
  suspendedAt: 'suspended_at',
  scheduleId: 'schedule_id',
  batchId: 'batch_id',
  concurrencyKey: 'concurrency_key',
  gate: 'gate',
  createdAt: 'created_at',
  runAt: 'run_at',
  dispatchedAt: 'dispatched_at',
  expiresAt: 'expires_at',
  startedAt: 'started_at',
  finishedAt: 'finished_at',
} satisfies Record<keyof JobRow, string>;

/** The order in which jobs of a queue start. */
export function byPriorityAndTime(a: JobRow, b: JobRow): number {
  return b.priority - a.priority || a.runAt.getTime() - b.runAt.getTime() || (a.id < b.id ? -1 : 1);
}

/** Every column of a job for a plain SQL statement, named as in {@link JobRow}. */
export function jobColumns(alias: string): string {
  return formatColumns(columns, alias);
}

/** The same for a {@link JobHead}. */
export function jobHeadColumns(alias: string): string {
  const { input: _input, output: _output, checkpoint: _checkpoint, ...head } = columns;
  return formatColumns(head, alias);
}

function formatColumns(names: Record<string, string>, alias: string): string {
  return Object.entries(names)
    .map(([key, name]) => `${alias}.${name} as "${key}"`)
    .join(', ');
}
