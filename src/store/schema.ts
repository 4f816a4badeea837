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
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';

/** All tables live in a schema of their own, so that the database can be shared with an application. */
export const longshore = pgSchema('longshore');

export const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
const milliseconds = (name: string) => bigint(name, { mode: 'number' });

/**
 * One row per job: the record. `fence` is the token of the newest run and only grows (I3). For BullMQ: `dispatched_at` is
 * null while the job waits in the Postgres backlog, `delivery` counts how often it was handed over anew, and `foreign_id`
 * is the id that another producer gave it. `fingerprint` is that of the error of a failed job.
 *
 * Pipelines: `step_key` and `step_index` name a step's job within its parent. `steps` counts what a pipeline has recorded,
 * `wakes` how often one of that has been settled: a run may only be suspended when it has seen the last. `suspended_at`
 * tells a pipeline that goes on from one that starts: when it was suspended last, or went on.
 *
 * `gate` says why a job with a `concurrency_key` must not be taken yet although it is due: others of its key run, or
 * started too lately. Null: it may be taken.
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
    foreignId: text('foreign_id'),
    deduplicationKey: text('deduplication_key'),
    fingerprint: text('fingerprint'),
    worker: text('worker'),
    parentId: uuid('parent_id'),
    stepKey: text('step_key'),
    stepIndex: integer('step_index'),
    steps: integer('steps').notNull().default(0),
    wakes: integer('wakes').notNull().default(0),
    suspendedAt: time('suspended_at'),
    scheduleId: uuid('schedule_id'),
    batchId: uuid('batch_id'),
    concurrencyKey: text('concurrency_key'),
    gate: text('gate'),
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
    check('jobs_step', sql`${t.stepKey} is null or ${t.parentId} is not null`),
    check(
      'jobs_gate',
      sql`${t.gate} is null or (${t.gate} in ('concurrency_key', 'rate_limit') and ${t.concurrencyKey} is not null)`,
    ),
    check('jobs_fingerprint', sql`${t.fingerprint} is null or ${t.status} = 'failed'`),
    // What waits to be taken, on either transport: tenant by tenant, by priority within each. Ascending throughout, so that it can
    // be skipped through. Jobs that their key holds back are not in it, however many they are.
    index('jobs_backlog')
      .on(t.queue, t.tenant, sql`(- ${t.priority})`, t.runAt, t.id)
      .where(sql`${t.status} = 'queued' and ${t.dispatchedAt} is null and ${t.gate} is null`),
    // What counts against the limit of a tenant.
    index('jobs_in_flight')
      .on(t.tenant)
      .where(sql`${t.status} = 'processing' or (${t.status} = 'queued' and ${t.dispatchedAt} is not null)`),
    // The jobs of a key: those that wait for their turn, and those that have it.
    index('jobs_key_waiting')
      .on(t.queue, t.tenant, t.concurrencyKey, sql`(- ${t.priority})`, t.runAt, t.id)
      .where(sql`${t.gate} is not null and ${t.status} = 'queued'`),
    index('jobs_key_open')
      .on(t.queue, t.tenant, t.concurrencyKey)
      .where(sql`${t.concurrencyKey} is not null and ${t.gate} is null and ${t.status} in ('queued', 'processing')`),
    // What BullMQ holds: the window is counted on it, the reconciler walks it.
    index('jobs_handed_over')
      .on(t.queue, t.status, t.id)
      .where(sql`${t.dispatchedAt} is not null and ${t.status} in ('scheduled', 'queued', 'retrying')`),
    // What becomes due. Apart from the claim, so that a month of scheduled jobs is never walked by it.
    index('jobs_due').on(t.runAt).where(sql`${t.status} in ('scheduled', 'retrying') and ${t.dispatchedAt} is null`),
    uniqueIndex('jobs_deduplication')
      .on(t.tenant, t.type, t.deduplicationKey)
      .where(
        sql`${t.deduplicationKey} is not null and ${t.status} not in ('completed', 'failed', 'cancelled', 'expired')`,
      ),
    index('jobs_expiry')
      .on(t.expiresAt)
      .where(sql`${t.expiresAt} is not null and ${t.status} in ('scheduled', 'queued')`),
    // Also the runs of a worker that is gone. Completed jobs are most of the table: lists of them walk the primary key, and
    // none of them costs an entry here.
    index('jobs_not_completed').on(t.status, t.id).where(sql`${t.status} <> 'completed'`),
    index('jobs_type_id').on(t.type, t.id),
    index('jobs_parent').on(t.parentId, t.stepKey, t.stepIndex).where(sql`${t.parentId} is not null`),
    // What a pipeline still waits for, however much of it is done.
    index('jobs_open_steps')
      .on(t.parentId, t.stepKey, t.stepIndex)
      .where(sql`${t.stepKey} is not null and ${t.status} not in ('completed', 'failed', 'cancelled', 'expired')`),
    // What of a schedule has not ended.
    index('jobs_schedule')
      .on(t.scheduleId)
      .where(sql`${t.scheduleId} is not null and ${t.status} not in ('completed', 'failed', 'cancelled', 'expired')`),
    index('jobs_batch').on(t.batchId, t.id).where(sql`${t.batchId} is not null`),
    // Retention, throughput. Each ended job is in one of the two.
    index('jobs_ended').on(t.finishedAt).where(sql`${t.status} in ('completed', 'cancelled', 'expired')`),
    index('jobs_failed_at').on(t.finishedAt).where(sql`${t.status} = 'failed'`),
    // Dead letters by their error.
    index('jobs_failed_seen_of_tenant')
      .on(t.tenant, t.fingerprint, t.finishedAt, t.id)
      .where(sql`${t.status} = 'failed'`),
    index('jobs_failed_seen').on(t.fingerprint, t.finishedAt, t.id).where(sql`${t.status} = 'failed'`),
    // Counts of queues. A job that runs and completes at once never is in it.
    index('jobs_resting')
      .on(t.queue, t.status)
      .where(sql`${t.status} in ('scheduled', 'retrying', 'waiting', 'failed', 'cancelled', 'expired')`),
  ],
);

/**
 * What a pipeline has called, by its key: a job (`job`), many jobs at once (`all`), a pause or a wait for an event. `seen`
 * is how much had been settled when the run that recorded it had read the record; `settled` is its own place in the order
 * in which steps were settled, null while it is open. `failed_job_id` is the job that failed it.
 */
export const pipelineSteps = longshore.table(
  'pipeline_steps',
  {
    pipelineId: uuid('pipeline_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    position: integer('position').notNull(),
    kind: text('kind').notNull(),
    /** The type of the jobs, or the name of the event. */
    name: text('name').notNull(),
    /** Of everything that the step was called with and that must not change. */
    inputHash: text('input_hash').notNull(),
    /** How many jobs it is. */
    size: integer('size').notNull().default(0),
    onFailure: text('on_failure').notNull().default('fail'),
    concurrency: integer('concurrency'),
    /** How long a pause is, or an event is waited for. */
    waitMs: milliseconds('wait_ms'),
    /** When that is over; null, too, once the pipeline has ended. */
    wakeAt: time('wake_at'),
    seen: integer('seen').notNull(),
    settled: integer('settled'),
    failedJobId: uuid('failed_job_id'),
    createdAt: time('created_at').notNull().default(sql`now()`),
    settledAt: time('settled_at'),
  },
  (t) => [
    primaryKey({ columns: [t.pipelineId, t.key] }),
    check('pipeline_steps_kind', sql`${t.kind} in ('job', 'all', 'sleep', 'event')`),
    check('pipeline_steps_on_failure', sql`${t.onFailure} in ('fail', 'continue')`),
    check('pipeline_steps_settled', sql`(${t.settledAt} is not null) = (${t.settled} is not null)`),
    uniqueIndex('pipeline_steps_position').on(t.pipelineId, t.position),
    index('pipeline_steps_due').on(t.wakeAt).where(sql`${t.settled} is null and ${t.wakeAt} is not null`),
  ],
);

/** What was told to a pipeline from outside. It waits until a step asks for an event of its name, which then takes it. */
export const pipelineEvents = longshore.table(
  'pipeline_events',
  {
    id: uuid('id').primaryKey(),
    pipelineId: uuid('pipeline_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    payload: jsonb('payload'),
    receivedAt: time('received_at').notNull().default(sql`now()`),
    stepKey: text('step_key'),
  },
  (t) => [index('pipeline_events_name').on(t.pipelineId, t.name, t.id)],
);

/**
 * The outbox of pipelines: written by whatever a pipeline has to hear of, in the same statement, and taken by whoever
 * wakes it. `job_id` is a step's job that has ended; without a `step_key` the pipeline itself has ended.
 */
export const pipelineNews = longshore.table(
  'pipeline_news',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    pipelineId: uuid('pipeline_id').notNull(),
    stepKey: text('step_key'),
    jobId: uuid('job_id'),
  },
  (t) => [check('pipeline_news_job', sql`${t.jobId} is null or ${t.stepKey} is not null`)],
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
    check(
      'job_attempts_outcome',
      sql`${t.outcome} in ('failed', 'retrying', 'cancelled', 'worker_lost', 'put_back', 'waiting')`,
    ),
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
    /** Null for what a batch tells. */
    jobId: uuid('job_id').references(() => jobs.id, { onDelete: 'cascade' }),
    batchId: uuid('batch_id'),
    /** The subscription that it is owed to; null for the webhook of the job or batch itself. */
    subscriptionId: uuid('subscription_id'),
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
    check('webhook_deliveries_of', sql`num_nonnulls(${t.jobId}, ${t.batchId}) = 1`),
    index('webhook_deliveries_job').on(t.jobId),
    index('webhook_deliveries_subscription').on(t.subscriptionId, t.id).where(sql`${t.subscriptionId} is not null`),
    // Those that somebody looks for: nearly all have been delivered.
    index('webhook_deliveries_failed').on(t.status, t.id).where(sql`${t.status} in ('failed', 'disabled')`),
    index('webhook_deliveries_batch').on(t.batchId).where(sql`${t.batchId} is not null`),
  ],
);

/** Queues that were paused, and the windows of those with a rate limit on the Postgres transport. */
export const queues = longshore.table('queues', {
  name: text('name').primaryKey(),
  isPaused: boolean('is_paused').notNull().default(false),
  rateWindowStart: time('rate_window_start'),
  rateCount: integer('rate_count').notNull().default(0),
});

/** How many jobs of a key have started in its window, in queues that limit that. A window that is over counts for nothing. */
export const rateWindows = longshore.table(
  'rate_windows',
  {
    queue: text('queue').notNull(),
    tenant: text('tenant').notNull(),
    concurrencyKey: text('concurrency_key').notNull(),
    endsAt: time('ends_at').notNull(),
    count: integer('count').notNull(),
  },
  (t) => [primaryKey({ columns: [t.queue, t.tenant, t.concurrencyKey] }), index('rate_windows_ends').on(t.endsAt)],
);

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

/** Who does what only one process may do; the database's clock decides when a lease is over. */
export const leases = longshore.table('leases', {
  name: text('name').primaryKey(),
  holder: text('holder').notNull(),
  expiresAt: time('expires_at').notNull(),
});

/**
 * Answers to calls with an Idempotency-Key (I8). `seed` is what the call makes its ids from, so that a call that is run
 * again after a crash finds what it made before. `status_code` is null while no answer is known.
 */
export const idempotencyKeys = longshore.table(
  'idempotency_keys',
  {
    tenant: text('tenant').notNull(),
    route: text('route').notNull(),
    key: text('key').notNull(),
    requestHash: text('request_hash').notNull(),
    seed: uuid('seed').notNull(),
    statusCode: integer('status_code'),
    headers: jsonb('headers'),
    body: text('body'),
    lockedUntil: time('locked_until').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.route, t.key] }), index('idempotency_keys_expires').on(t.expiresAt)],
);

/** Actions on many jobs, done in batches in the background. `cursor` is the last job that was looked at. */
export const bulkActions = longshore.table(
  'bulk_actions',
  {
    id: uuid('id').primaryKey(),
    /** Whose jobs; null for those of all tenants. */
    tenant: text('tenant'),
    action: text('action').notNull(),
    filter: jsonb('filter').notNull(),
    status: text('status').notNull().default('running'),
    matched: integer('matched').notNull(),
    matchedIsCapped: boolean('matched_is_capped').notNull().default(false),
    processed: integer('processed').notNull().default(0),
    changed: integer('changed').notNull().default(0),
    cursor: uuid('cursor'),
    error: text('error'),
    createdAt: time('created_at').notNull().default(sql`now()`),
    finishedAt: time('finished_at'),
  },
  (t) => [
    check('bulk_actions_action', sql`${t.action} in ('retry', 'cancel', 'delete')`),
    check('bulk_actions_status', sql`${t.status} in ('running', 'completed', 'aborted', 'failed')`),
    check('bulk_actions_finished', sql`(${t.finishedAt} is not null) = (${t.status} <> 'running')`),
    index('bulk_actions_running').on(t.createdAt).where(sql`${t.status} = 'running'`),
  ],
);

/** How often the reconciler found which disagreement between the record and the transport. */
export const driftRepairs = longshore.table('drift_repairs', {
  kind: text('kind').primaryKey(),
  count: bigint('count', { mode: 'number' }).notNull(),
  lastAt: time('last_at').notNull(),
});

/** When failures of a kind were last told to ALERT_WEBHOOK_URL. */
export const alerts = longshore.table('alerts', {
  fingerprint: text('fingerprint').primaryKey(),
  sentAt: time('sent_at').notNull(),
  notifiedUntil: time('notified_until').notNull(),
});
