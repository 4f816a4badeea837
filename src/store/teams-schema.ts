import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  date,
  index,
  integer,
  jsonb,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core';
import { longshore, time } from './schema.ts';

// What several teams and their schedules need. Tables of jobs themselves are in schema.ts.

/** Keys of the API. `hash` is the SHA-256 of the whole key, `prefix` what people tell it by. `tenant` null: all tenants. */
export const apiKeys = longshore.table(
  'api_keys',
  {
    id: uuid('id').primaryKey(),
    name: text('name').notNull(),
    tenant: text('tenant'),
    scopes: text('scopes').array().notNull(),
    prefix: text('prefix').notNull(),
    hash: text('hash').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: time('created_at').notNull().default(sql`now()`),
    expiresAt: time('expires_at'),
    lastUsedAt: time('last_used_at'),
    revokedAt: time('revoked_at'),
  },
  (t) => [
    uniqueIndex('api_keys_hash').on(t.hash),
    check(
      'api_keys_scopes',
      sql`${t.scopes} <@ array['jobs:read', 'jobs:write', 'admin'] and cardinality(${t.scopes}) > 0`,
    ),
  ],
);

/** What a tenant may use; null: no limit. A tenant without a row has a weight of 1 and no limits. */
export const tenants = longshore.table(
  'tenants',
  {
    name: text('name').primaryKey(),
    /** Its share of a queue that several tenants want, in proportion to those of the others. */
    weight: smallint('weight').notNull().default(1),
    requestsPerSecond: integer('requests_per_second'),
    maxRunning: integer('max_running'),
    maxQueued: integer('max_queued'),
    maxPerDay: integer('max_per_day'),
    createdAt: time('created_at').notNull().default(sql`now()`),
    updatedAt: time('updated_at').notNull().default(sql`now()`),
  },
  (t) => [
    check('tenants_weight', sql`${t.weight} between 1 and 1000`),
    check(
      'tenants_limits',
      sql`${t.requestsPerSecond} >= 1 and ${t.maxRunning} >= 0 and ${t.maxQueued} >= 0 and ${t.maxPerDay} >= 0`,
    ),
  ],
);

/** How many jobs a tenant with a limit per day has enqueued in a day (UTC). */
export const tenantDays = longshore.table(
  'tenant_days',
  {
    tenant: text('tenant').notNull(),
    day: date('day', { mode: 'string' }).notNull(),
    accepted: bigint('accepted', { mode: 'number' }).notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.day] })],
);

/**
 * Calls of tenants with a limit, in the second of each. Its columns are those of rate-limiter-flexible. Unlogged, which
 * drizzle cannot say: a crash of the server empties it, and no standby has it.
 */
export const requestCounts = longshore.table('request_counts', {
  key: varchar('key', { length: 255 }).primaryKey(),
  points: integer('points').notNull().default(0),
  expire: bigint('expire', { mode: 'number' }),
});

/** What operators did: `actor` is who, e.g. the prefix of a key, `target` what it was done to. `tenant` null: to all of them. */
export const auditLog = longshore.table(
  'audit_log',
  {
    id: uuid('id').primaryKey(),
    tenant: text('tenant'),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    target: text('target'),
    details: jsonb('details').notNull().default(sql`'{}'`),
    at: time('at').notNull().default(sql`now()`),
  },
  (t) => [index('audit_log_tenant').on(t.tenant, t.id)],
);

/** When jobs are enqueued by themselves. One of `cron`, `every_ms` and `run_at` says when; `next_due_at` is null when never again. */
export const schedules = longshore.table(
  'schedules',
  {
    id: uuid('id').primaryKey(),
    tenant: text('tenant').notNull(),
    name: text('name').notNull(),
    type: text('type').notNull(),
    input: jsonb('input').notNull(),
    /** As of a call that enqueues a job. */
    options: jsonb('options').notNull().default(sql`'{}'`),
    cron: text('cron'),
    everyMs: bigint('every_ms', { mode: 'number' }),
    runAt: time('run_at'),
    timeZone: text('time_zone').notNull().default('UTC'),
    catchUp: text('catch_up').notNull().default('last'),
    overlap: text('overlap').notNull().default('allow'),
    enabled: boolean('enabled').notNull().default(true),
    /** `code`: it belongs to a definition, which creates and changes it with each start. */
    source: text('source').notNull().default('api'),
    /** Of the definition that it was brought in line with. */
    definitionHash: text('definition_hash'),
    /** Since when no process has had its definition: then it is not due. */
    retiredAt: time('retired_at'),
    /** What intervals are counted from. */
    anchorAt: time('anchor_at').notNull().default(sql`date_trunc('milliseconds', now())`),
    nextDueAt: time('next_due_at'),
    lastDueAt: time('last_due_at'),
    /** When its due times were last looked after: whose turn is longest ago comes first. */
    servedAt: time('served_at'),
    /** Why the last due time made no job although it should have. */
    lastError: text('last_error'),
    createdAt: time('created_at').notNull().default(sql`now()`),
    updatedAt: time('updated_at').notNull().default(sql`now()`),
  },
  (t) => [
    uniqueIndex('schedules_name').on(t.tenant, t.name),
    check('schedules_when', sql`num_nonnulls(${t.cron}, ${t.everyMs}, ${t.runAt}) = 1`),
    check('schedules_catch_up', sql`${t.catchUp} in ('none', 'last', 'all')`),
    check('schedules_overlap', sql`${t.overlap} in ('allow', 'skip', 'queue', 'cancel_previous')`),
    check('schedules_source', sql`${t.source} in ('api', 'code')`),
    check(
      'schedules_definition',
      sql`(${t.source} = 'code') = (${t.definitionHash} is not null) and (${t.source} = 'code' or ${t.retiredAt} is null)`,
    ),
    index('schedules_due')
      .on(t.nextDueAt)
      .where(sql`${t.enabled} and ${t.retiredAt} is null and ${t.nextDueAt} is not null`),
  ],
);

/** Which definitions the processes have that live: of several of one name the one counts that appeared last. */
export const scheduleDefinitions = longshore.table(
  'schedule_definitions',
  {
    name: text('name').notNull(),
    hash: text('hash').notNull(),
    appearedAt: time('appeared_at').notNull().default(sql`now()`),
    seenAt: time('seen_at').notNull().default(sql`now()`),
  },
  (t) => [primaryKey({ columns: [t.name, t.hash] })],
);

/** What became of each due time of a schedule: the key makes it happen once, however many processes see that it is due. */
export const scheduleRuns = longshore.table(
  'schedule_runs',
  {
    scheduleId: uuid('schedule_id')
      .notNull()
      .references(() => schedules.id, { onDelete: 'cascade' }),
    dueAt: time('due_at').notNull(),
    kind: text('kind').notNull(),
    outcome: text('outcome').notNull(),
    /** Not a reference: the run stays when retention removes its job. */
    jobId: uuid('job_id'),
    detail: text('detail'),
    at: time('at').notNull().default(sql`now()`),
  },
  (t) => [
    primaryKey({ columns: [t.scheduleId, t.dueAt] }),
    check('schedule_runs_kind', sql`${t.kind} in ('due', 'catch_up', 'manual')`),
    check('schedule_runs_outcome', sql`${t.outcome} in ('enqueued', 'skipped', 'waiting', 'rejected')`),
    index('schedule_runs_waiting').on(t.scheduleId, t.dueAt).where(sql`${t.outcome} = 'waiting'`),
  ],
);

/** Jobs that belong together. The counts follow `batch_news`; `total` is how many jobs have joined. */
export const batches = longshore.table(
  'batches',
  {
    id: uuid('id').primaryKey(),
    tenant: text('tenant').notNull(),
    name: text('name'),
    metadata: jsonb('metadata').notNull().default(sql`'{}'`),
    webhook: jsonb('webhook'),
    /** The job to be recorded when all have ended: checked when the batch was made. */
    onComplete: jsonb('on_complete'),
    onCompleteJobId: uuid('on_complete_job_id'),
    total: integer('total').notNull().default(0),
    completed: integer('completed').notNull().default(0),
    failed: integer('failed').notNull().default(0),
    cancelled: integer('cancelled').notNull().default(0),
    expired: integer('expired').notNull().default(0),
    createdAt: time('created_at').notNull().default(sql`now()`),
    /** When it was said that no more jobs come: only then can it end. */
    closedAt: time('closed_at'),
    finishedAt: time('finished_at'),
  },
  (t) => [
    index('batches_tenant').on(t.tenant, t.id),
    check('batches_finished', sql`${t.finishedAt} is null or ${t.closedAt} is not null`),
  ],
);

/**
 * The outbox of batches: what joined and what ended, written by triggers of `jobs` (migration 0008), so that no statement
 * can forget it.
 */
export const batchNews = longshore.table(
  'batch_news',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    batchId: uuid('batch_id').notNull(),
    /** `joined`, a terminal status, or `closed`: look whether it has ended. */
    event: text('event').notNull(),
    /** -1 takes it back: a job that had ended runs again. */
    count: integer('count').notNull().default(1),
  },
  (t) => [index('batch_news_batch').on(t.batchId)],
);

/** The defaults of job types, for `longshore.enqueue` in SQL: programs write down what they know at their start. */
export const jobTypes = longshore.table('job_types', {
  type: text('type').primaryKey(),
  queue: text('queue').notNull(),
  attempts: integer('attempts').notNull(),
  timeoutMs: bigint('timeout_ms', { mode: 'number' }).notNull(),
  maxInputBytes: integer('max_input_bytes').notNull(),
  updatedAt: time('updated_at').notNull().default(sql`now()`),
});

/** Who is told of the ends of all jobs of a tenant, or of some types. */
export const webhookSubscriptions = longshore.table(
  'webhook_subscriptions',
  {
    id: uuid('id').primaryKey(),
    tenant: text('tenant').notNull(),
    url: text('url').notNull(),
    events: text('events').array().notNull(),
    /** Null: all types. */
    types: text('types').array(),
    description: text('description').notNull().default(''),
    createdAt: time('created_at').notNull().default(sql`now()`),
    /** When its server answered 410, or somebody switched it off. */
    disabledAt: time('disabled_at'),
  },
  (t) => [index('webhook_subscriptions_tenant').on(t.tenant, t.id)],
);
