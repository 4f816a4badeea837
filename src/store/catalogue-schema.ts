import { sql } from 'drizzle-orm';
import { bigint, boolean, date, index, integer, jsonb, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { longshore, time } from './schema.ts';

// What jobs of the catalogue keep. Tables of jobs themselves are in schema.ts.

/**
 * Files that are kept apart from the retention of a job: uploads, whose id no job has, and files of jobs that expire before
 * their job. The content lies in the storage under the same key, `<id>-<name>`.
 */
export const files = longshore.table(
  'files',
  {
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    tenant: text('tenant').notNull(),
    isUpload: boolean('is_upload').notNull(),
    contentType: text('content_type'),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    sha256: text('sha256'),
    createdAt: time('created_at').notNull().default(sql`now()`),
    expiresAt: time('expires_at'),
    /** When the content was removed because it had expired; the row stays for a while and says so. */
    removedAt: time('removed_at'),
  },
  (t) => [
    primaryKey({ columns: [t.id, t.name] }),
    index('files_expires').on(t.expiresAt).where(sql`${t.expiresAt} is not null and ${t.removedAt} is null`),
    index('files_removed').on(t.removedAt).where(sql`${t.removedAt} is not null`),
  ],
);

/** Messages to users inside of an application. `job_id` makes the same job write its message once. */
export const notifications = longshore.table(
  'notifications',
  {
    id: uuid('id').primaryKey(),
    tenant: text('tenant').notNull(),
    user: text('user').notNull(),
    title: text('title').notNull(),
    body: text('body').notNull().default(''),
    link: text('link'),
    data: jsonb('data').notNull().default(sql`'{}'`),
    jobId: uuid('job_id'),
    createdAt: time('created_at').notNull().default(sql`now()`),
    readAt: time('read_at'),
  },
  (t) => [
    index('notifications_user').on(t.tenant, t.user, t.id),
    uniqueIndex('notifications_job').on(t.jobId).where(sql`${t.jobId} is not null`),
  ],
);

/**
 * What `records:download` has read from other systems, by the id that they have there. `snapshot_id` is that of the last
 * complete reading in which a record was seen; `hash` tells whether its data has changed.
 */
export const records = longshore.table(
  'records',
  {
    tenant: text('tenant').notNull(),
    collection: text('collection').notNull(),
    id: text('id').notNull(),
    data: jsonb('data').notNull(),
    hash: text('hash').notNull(),
    snapshotId: uuid('snapshot_id').notNull(),
    createdAt: time('created_at').notNull().default(sql`now()`),
    updatedAt: time('updated_at').notNull().default(sql`now()`),
    deletedAt: time('deleted_at'),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.collection, t.id] }),
    // What a finished snapshot has not seen.
    index('records_snapshot').on(t.tenant, t.collection, t.snapshotId).where(sql`${t.deletedAt} is null`),
  ],
);

/** What the AI calls of a tenant used in a day (UTC). Cost is in millionths of the currency of AI_PRICES. */
export const aiUsage = longshore.table(
  'ai_usage',
  {
    tenant: text('tenant').notNull(),
    day: date('day', { mode: 'string' }).notNull(),
    model: text('model').notNull(),
    calls: integer('calls').notNull().default(0),
    inputTokens: bigint('input_tokens', { mode: 'number' }).notNull().default(0),
    outputTokens: bigint('output_tokens', { mode: 'number' }).notNull().default(0),
    costMicros: bigint('cost_micros', { mode: 'number' }).notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.day, t.model] })],
);
