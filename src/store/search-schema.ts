import { bigint, boolean, index, integer, timestamp, uuid } from 'drizzle-orm/pg-core';
import { longshore } from './schema.ts';

/**
 * Jobs that are not in the index yet, or are in it as they were before they failed or got another input. Triggers on `jobs`
 * write it (`drizzle/0007_search.sql`), so whoever inserts jobs need not know of it. The ids are in their order.
 */
export const searchUnindexed = longshore.table('search_unindexed', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  ids: uuid('ids').array().notNull(),
});

/**
 * Jobs that are looked through together when they may be among those that a search means: `terms` are numbers that stand
 * for what one of them or more have. Failed jobs are in a second chunk, with the words of their errors.
 */
export const searchChunks = longshore.table(
  'search_chunks',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    ofFailed: boolean('of_failed').notNull(),
    firstId: uuid('first_id').notNull(),
    lastId: uuid('last_id').notNull(),
    createdFrom: timestamp('created_from', { withTimezone: true, mode: 'date' }).notNull(),
    createdTo: timestamp('created_to', { withTimezone: true, mode: 'date' }).notNull(),
    ids: uuid('ids').array().notNull(),
    terms: integer('terms').array().notNull(),
  },
  (t) => [index('search_chunks_terms').using('gin', t.terms).with({ fastupdate: false })],
);

/** While there is a row: jobs with this id or a smaller one may not be in the index. */
export const searchBackfill = longshore.table('search_backfill', {
  below: uuid('below').primaryKey(),
});
