import type { InferSelectModel } from 'drizzle-orm';
import type { EnqueueRequest } from '../contract/enqueue.ts';
import type { CatchUp, Overlap, RunKind, RunOutcome, ScheduleOptions, ScheduleSource } from '../contract/schedules.ts';
import type { scheduleRuns, schedules } from './teams-schema.ts';

type Narrowed = 'input' | 'options' | 'catchUp' | 'overlap' | 'source';

/** A schedule as the record has it. */
export type ScheduleRow = Omit<InferSelectModel<typeof schedules>, Narrowed> & {
  input: EnqueueRequest['input'];
  options: ScheduleOptions;
  catchUp: CatchUp;
  overlap: Overlap;
  source: ScheduleSource;
};

/** What became of one due time. */
export type ScheduleRunRow = Omit<InferSelectModel<typeof scheduleRuns>, 'kind' | 'outcome'> & {
  kind: RunKind;
  outcome: RunOutcome;
};

const columns = {
  id: 'id',
  tenant: 'tenant',
  name: 'name',
  type: 'type',
  input: 'input',
  options: 'options',
  cron: 'cron',
  everyMs: 'every_ms',
  runAt: 'run_at',
  timeZone: 'time_zone',
  catchUp: 'catch_up',
  overlap: 'overlap',
  enabled: 'enabled',
  source: 'source',
  definitionHash: 'definition_hash',
  retiredAt: 'retired_at',
  anchorAt: 'anchor_at',
  nextDueAt: 'next_due_at',
  lastDueAt: 'last_due_at',
  servedAt: 'served_at',
  lastError: 'last_error',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
} satisfies Record<keyof ScheduleRow, string>;

const runColumns = {
  scheduleId: 'schedule_id',
  dueAt: 'due_at',
  kind: 'kind',
  outcome: 'outcome',
  jobId: 'job_id',
  detail: 'detail',
  at: 'at',
} satisfies Record<keyof ScheduleRunRow, string>;

export function scheduleColumns(alias: string): string {
  return list(columns, alias);
}

export function scheduleRunColumns(alias: string): string {
  return list(runColumns, alias);
}

function list(named: Record<string, string>, alias: string): string {
  return Object.entries(named)
    .map(([field, column]) => `${alias}.${column} as "${field}"`)
    .join(', ');
}
