import type { Database } from './database.ts';
import { type Chunk, type IndexedJob, makeChunks } from './search-chunks.ts';

/** Fewer jobs than these are not worth a chunk: every search looks through them. */
export const INDEX_MIN = 128;
const BATCH = 4096;
const SLICE = 512;
/** Bytes as they are stored; larger inputs and metadata are not read for the index, and looked through by searches. */
const READ_MAX_BYTES = 32_768;

/**
 * What lists and bulk actions find jobs by: chunks of jobs, with the terms that they have. Jobs are added behind their
 * insert, in batches; triggers note in `search_unindexed` which are still to be added, so that a search knows them.
 */
export function createSearchIndex(database: Database) {
  return {
    /**
     * Adds the jobs that were noted first.
     * @param min with fewer than these nothing is done
     * @returns how many it were
     */
    indexNoted(min: number): Promise<number> {
      return database.transaction(async (inner) => {
        const [noted] = await inner.query<{ ids: string[] | null }>(TAKE_NOTED, [BATCH, min]);
        const ids = [...new Set(noted?.ids)];
        await addChunks(inner, ids);
        return ids.length;
      });
    },

    /**
     * Adds jobs from before there was an index, the newest first.
     * @returns how many it were; 0 when all are in it
     */
    backfill(): Promise<number> {
      return database.transaction(async (inner) => {
        const [state] = await inner.query<{ below: string }>(
          'select below from longshore.search_backfill for update skip locked',
        );
        if (!state) return 0;
        const rows = await inner.query<{ id: string }>(
          'select id from longshore.jobs where id <= $1 order by id desc limit $2',
          [state.below, BATCH],
        );
        const ids = rows.map(({ id }) => id);
        await addChunks(inner, ids);
        const last = ids.at(-1);
        if (last !== undefined) await inner.query('update longshore.search_backfill set below = $1', [last]);
        // The last job was indexed, and is looked at once more: what is left has fewer than two.
        if (ids.length < 2) await inner.query('delete from longshore.search_backfill');
        return ids.length;
      });
    },

    /**
     * Removes those of some chunks whose jobs are all gone.
     * @param after where the last call ended
     * @returns where to go on; 0 at the end
     */
    async removeEmpty(after: number, limit: number): Promise<number> {
      const [row] = await database.query<{ last: number | null }>(REMOVE_EMPTY, [after, limit]);
      return row?.last ?? 0;
    },
  };
}

async function addChunks(database: Database, ids: readonly string[]): Promise<void> {
  const sorted = ids.toSorted();
  for (let at = 0; at < sorted.length; at += SLICE) {
    const jobs = await database.query<IndexedJob>(READ_JOBS, [sorted.slice(at, at + SLICE), READ_MAX_BYTES]);
    const chunks = makeChunks(jobs);
    if (chunks.length > 0) await database.query(INSERT_CHUNKS, encodeChunks(chunks));
  }
}

// Arrays of different lengths go as text, which PostgreSQL reads much quicker than JSON.
function encodeChunks(chunks: readonly Chunk[]): unknown[] {
  return [
    chunks.map((chunk) => chunk.ofFailed),
    chunks.map((chunk) => chunk.firstId),
    chunks.map((chunk) => chunk.lastId),
    chunks.map((chunk) => chunk.createdFrom),
    chunks.map((chunk) => chunk.createdTo),
    chunks.map((chunk) => `{${chunk.ids.join(',')}}`),
    chunks.map((chunk) => `{${chunk.terms.join(',')}}`),
  ];
}

const TAKE_NOTED = `
  with oldest as (
    select id, ids, sum(cardinality(ids)) over (order by id) - cardinality(ids) as before
    from (select id, ids from longshore.search_unindexed order by id limit $1 for update skip locked) u
  ),
  chosen as (
    select id from oldest where before < $1 and (select sum(cardinality(ids)) from oldest) >= $2
  ),
  taken as (
    delete from longshore.search_unindexed u using chosen where u.id = chosen.id returning u.ids
  )
  select array_agg(each) as ids from taken cross join unnest(taken.ids) each`;

const READ_JOBS = `
  select j.id, j.tenant, j.type, j.queue, j.status, j.tags, j.parent_id as "parentId", j.batch_id as "batchId",
    j.schedule_id as "scheduleId", j.fingerprint,
    case when pg_column_size(j.input) <= $2 then j.input::text end as "inputText",
    case when pg_column_size(j.metadata) <= $2 then j.metadata::text end as "metadataText",
    case when j.status = 'failed' then j.error ->> 'message' end as message, j.created_at as "createdAt"
  from longshore.jobs j
  where j.id = any($1::uuid[])`;

const INSERT_CHUNKS = `
  insert into longshore.search_chunks (of_failed, first_id, last_id, created_from, created_to, ids, terms)
  select of_failed, first_id, last_id, created_from, created_to, ids::uuid[], terms::integer[]
  from unnest($1::boolean[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[])
    as c(of_failed, first_id, last_id, created_from, created_to, ids, terms)`;

const REMOVE_EMPTY = `
  with part as (
    select id, ids from longshore.search_chunks where id > $1 order by id limit $2
  ),
  removed as (
    delete from longshore.search_chunks c
    using part
    where c.id = part.id and not exists (select 1 from longshore.jobs j where j.id = any(part.ids))
  )
  select max(id) as last from part`;
