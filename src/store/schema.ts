import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  real,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';

/** All tables live in a schema of their own, so that the database can be shared with an application. */
export const longshore = pgSchema('longshore');

const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
const milliseconds = (name: string) => bigint(name, { mode: 'number' });

/**
 * One row per job: the record. `fence` is the token of the newest run and only grows (I3); `dispatched_at` is null
 * while a job of a BullMQ queue waits in the Postgres backlog.
 */
export const jobs = longshore.table(
  'jobs',
  {
    id: uuid('id').primaryKey(),
    tenant: text('tenant').notNull(),
    type: text('type').notNull(),
    queue: text('queue').notNull(),
    status: text('status').notNull(),
    reason: text('reason'),
    priority: smallint('priority').notNull().default(0),
    tags: text('tags').array().notNull().default(sql`'{}'`),
    metadata: jsonb('metadata').notNull().default(sql`'{}'`),
    input: jsonb('input').notNull(),
    output: jsonb('output'),
    error: jsonb('error'),
    progressPercent: real('progress_percent').notNull().default(0),
    progressMessage: text('progress_message'),
    progressSeq: integer('progress_seq').notNull().default(0),
    checkpoint: jsonb('checkpoint'),
    attempt: integer('attempt').notNull().default(0),
    maxAttempts: integer('max_attempts').notNull(),
    rescues: integer('rescues').notNull().default(0),
    backoff: jsonb('backoff'),
    timeoutMs: milliseconds('timeout_ms').notNull(),
    webhook: jsonb('webhook'),
    fence: bigint('fence', { mode: 'number' }).notNull().default(0),
    delivery: integer('delivery').notNull().default(1),
    worker: text('worker'),
    parentId: uuid('parent_id'),
    scheduleId: uuid('schedule_id'),
    createdAt: time('created_at').notNull().default(sql`now()`),
    runAt: time('run_at').notNull().default(sql`now()`),
    dispatchedAt: time('dispatched_at'),
    expiresAt: time('expires_at'),
    startedAt: time('started_at'),
    finishedAt: time('finished_at'),
  },
  (t) => [
    check(
      'jobs_status',
      sql`${t.status} in ('scheduled', 'queued', 'processing', 'waiting', 'retrying', 'completed', 'failed', 'cancelled', 'expired')`,
    ),
    check(
      'jobs_finished_at',
      sql`(${t.finishedAt} is not null) = (${t.status} in ('completed', 'failed', 'cancelled', 'expired'))`,
    ),
    check(
      'jobs_processing',
      sql`${t.status} <> 'processing' or (${t.startedAt} is not null and ${t.worker} is not null)`,
    ),
    check('jobs_failed', sql`${t.status} <> 'failed' or (${t.reason} is not null and ${t.error} is not null)`),
    check('jobs_output', sql`${t.output} is null or ${t.status} = 'completed'`),
    check('jobs_attempt', sql`${t.attempt} >= 0 and ${t.maxAttempts} >= 1 and ${t.rescues} >= 0`),
    check('jobs_priority', sql`${t.priority} between -100 and 100`),
    check('jobs_progress', sql`${t.progressPercent} between 0 and 100`),
    // The claim of the Postgres transport: by priority, then due time.
    index('jobs_claim').on(t.queue, t.priority.desc(), t.runAt, t.id).where(sql`${t.status} = 'queued'`),
    // What becomes due. Apart from the claim, so that a month of scheduled jobs is never walked by it.
    index('jobs_due').on(t.runAt).where(sql`${t.status} in ('scheduled', 'retrying')`),
    // Runs of a worker that is gone.
    index('jobs_processing_worker').on(t.worker).where(sql`${t.status} = 'processing'`),
    index('jobs_expiry')
      .on(t.expiresAt)
      .where(sql`${t.expiresAt} is not null and ${t.status} in ('scheduled', 'queued')`),
    index('jobs_status_id').on(t.status, t.id),
    index('jobs_type_id').on(t.type, t.id),
    index('jobs_parent').on(t.parentId).where(sql`${t.parentId} is not null`),
    index('jobs_finished').on(t.finishedAt).where(sql`${t.finishedAt} is not null`),
  ],
);

/** Runs that ended without completing the job. A completed run is on the job's own row. */
export const attempts = longshore.table(
  'job_attempts',
  {
    jobId: uuid('job_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    fence: bigint('fence', { mode: 'number' }).notNull(),
    attempt: integer('attempt').notNull(),
    outcome: text('outcome').notNull(),
    worker: text('worker'),
    error: jsonb('error'),
    startedAt: time('started_at'),
    finishedAt: time('finished_at').notNull().default(sql`now()`),
  },
  (t) => [
    primaryKey({ columns: [t.jobId, t.fence] }),
    check('job_attempts_outcome', sql`${t.outcome} in ('failed', 'retrying', 'cancelled', 'worker_lost', 'put_back')`),
  ],
);

/** Lines that jobs wrote; `seq` counts within a run, together with its progress reports. */
export const logs = longshore.table(
  'job_logs',
  {
    jobId: uuid('job_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    fence: bigint('fence', { mode: 'number' }).notNull(),
    seq: integer('seq').notNull(),
    attempt: integer('attempt').notNull(),
    level: text('level').notNull(),
    message: text('message').notNull(),
    fields: jsonb('fields'),
    at: time('at').notNull().default(sql`now()`),
  },
  (t) => [
    primaryKey({ columns: [t.jobId, t.fence, t.seq] }),
    check('job_logs_level', sql`${t.level} in ('debug', 'info', 'warn', 'error')`),
  ],
);

/** The outbox: written in the statement that ends the job, sent afterwards (I4). */
export const webhookDeliveries = longshore.table(
  'webhook_deliveries',
  {
    id: uuid('id').primaryKey(),
    jobId: uuid('job_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    event: text('event').notNull(),
    url: text('url').notNull(),
    body: text('body').notNull(),
    status: text('status').notNull().default('pending'),
    tries: integer('tries').notNull().default(0),
    nextTryAt: time('next_try_at').default(sql`now()`),
    lastStatusCode: integer('last_status_code'),
    lastError: text('last_error'),
    createdAt: time('created_at').notNull().default(sql`now()`),
    deliveredAt: time('delivered_at'),
  },
  (t) => [
    check('webhook_deliveries_status', sql`${t.status} in ('pending', 'delivered', 'failed', 'disabled')`),
    check('webhook_deliveries_next', sql`(${t.nextTryAt} is not null) = (${t.status} = 'pending')`),
    check('webhook_deliveries_delivered', sql`(${t.deliveredAt} is not null) = (${t.status} = 'delivered')`),
    index('webhook_deliveries_due').on(t.nextTryAt).where(sql`${t.status} = 'pending'`),
    index('webhook_deliveries_job').on(t.jobId),
  ],
);

/** Queues that were paused, and the windows of those with a rate limit on the Postgres transport. */
export const queues = longshore.table('queues', {
  name: text('name').primaryKey(),
  isPaused: boolean('is_paused').notNull().default(false),
  rateWindowStart: time('rate_window_start'),
  rateCount: integer('rate_count').notNull().default(0),
});

/** Worker processes; the heartbeat is the lease of their runs on the Postgres transport. */
export const workers = longshore.table('workers', {
  id: text('id').primaryKey(),
  host: text('host').notNull(),
  pid: integer('pid').notNull(),
  version: text('version').notNull(),
  queues: text('queues').array().notNull(),
  concurrency: integer('concurrency').notNull(),
  running: integer('running').notNull().default(0),
  startedAt: time('started_at').notNull().default(sql`now()`),
  heartbeatAt: time('heartbeat_at').notNull().default(sql`now()`),
  /** A worker without a heartbeat for this long is taken for dead: its own setting, since others may have another. */
  leaseMs: milliseconds('lease_ms').notNull(),
});

/** What this installation made for itself, e.g. the webhook secret when WEBHOOK_SECRET is not set. */
export const settings = longshore.table('settings', {
  name: text('name').primaryKey(),
  value: text('value').notNull(),
});
