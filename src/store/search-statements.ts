import { type Bind, chooseStatuses, createParameters, matchJobs } from './job-filter.ts';
import type { Search } from './search.ts';
import { CHUNK_JOBS } from './search-chunks.ts';
import type { Statement } from './search-lists.ts';

/** Jobs among which some may be meant: a chunk of the index, or some that are not in it yet. */
export interface Candidate {
  /** Of the chunk; negative of the note about jobs that are not indexed. */
  id: number;
  firstId: string;
  lastId: string;
  jobs: number;
}

/**
 * Finds the chunks that have one term of each group, and everything that is not indexed yet, those with the newest jobs
 * first. What an index cannot tell by the terms alone comes after it, so that nothing else than `search_chunks_terms` fits.
 */
export function findCandidates(search: Search, terms: readonly number[][], limit: number): Statement {
  const { values, bind } = createParameters();
  const before = search.beforeId === null ? '' : `where c.first_id < ${bind(search.beforeId)}`;
  const text = `
    with found as materialized (
      select c.id, c.first_id, c.last_id, c.created_from, c.created_to
      from longshore.search_chunks c
      where ${terms.length === 0 ? chooseKind(search) : terms.map((group) => `c.terms && ${bind(group)}::integer[]`).join(' and ')}
    ),
    noted as (
      select - u.id as id, u.ids[1] as first_id, u.ids[cardinality(u.ids)] as last_id, cardinality(u.ids) as jobs
      from longshore.search_unindexed u
    ),
    candidates as (
      select c.id, c.first_id, c.last_id, ${CHUNK_JOBS} as jobs from found c where ${boundTimes(search, bind)}
      union all
      select id, first_id, last_id, jobs from noted
    )
    select c.id, c.first_id as "firstId", c.last_id as "lastId", c.jobs
    from candidates c
    ${before}
    order by c.last_id desc, c.id
    limit ${bind(limit + 1)}`;
  return { text, values };
}

function chooseKind({ filter }: Search): string {
  const statuses = chooseStatuses(filter);
  return statuses?.every((status) => status === 'failed') ? 'c.of_failed' : 'not c.of_failed';
}

/** A job has finished after it was created. */
function boundTimes({ filter }: Search, bind: Bind): string {
  const { createdAfter, createdBefore, finishedBefore } = filter;
  const conditions = [
    ...(createdAfter === undefined ? [] : [`c.created_to >= ${bind(createdAfter)}::timestamptz`]),
    ...(createdBefore === undefined ? [] : [`c.created_from < ${bind(createdBefore)}::timestamptz`]),
    ...(finishedBefore === undefined ? [] : [`c.created_from <= ${bind(finishedBefore)}::timestamptz`]),
  ];
  return conditions.length === 0 ? 'true' : conditions.join(' and ');
}

/** Compares the jobs of candidates with the filter, of those with ids between two. */
export function lookInto(
  { scope, filter, columns }: Search,
  candidates: readonly Candidate[],
  { beforeId, afterId, limit }: { beforeId: string; afterId: string | undefined; limit: number },
): Statement {
  const { values, bind } = createParameters();
  const ids = candidates.map(({ id }) => id);
  const text = `
    with looked as materialized (
      select distinct each.id
      from (
        select unnest(c.ids) as id from longshore.search_chunks c where c.id = any(${bind(ids.filter((id) => id > 0))}::bigint[])
        union all
        select unnest(u.ids) from longshore.search_unindexed u where u.id = any(${bind(ids.filter((id) => id < 0).map((id) => -id))}::bigint[])
      ) each
      where each.id < ${bind(beforeId)}::uuid ${afterId === undefined ? '' : `and each.id > ${bind(afterId)}::uuid`}
    )
    select ${columns}
    from looked
    cross join lateral (select * from longshore.jobs where id = looked.id limit 1) j
    where ${matchJobs(scope, filter, bind)}
    order by j.id desc
    limit ${bind(limit)}`;
  return { text, values };
}

/** The next jobs by the primary key: where they end, and with that as one more value those that the filter means. */
export function lookThroughBackfill(search: Search, window: number) {
  const { scope, filter, columns, limit, beforeId } = search;
  const { values, bind } = createParameters();
  const before = `id < ${bind(beforeId)}::uuid`;
  const rows = `
    select ${columns}
    from (select * from longshore.jobs where ${before} order by id desc limit ${bind(window)}) j
    where ${matchJobs(scope, filter, bind)} and j.id >= $LAST::uuid
    order by j.id desc
    limit ${bind(limit)}`;
  return {
    text: {
      window: `
        select (array_agg(w.id order by w.id))[1] as "lastId", count(*)::integer as jobs
        from (select id from longshore.jobs where id < $1::uuid order by id desc limit $2) w`,
      rows: rows.replace('$LAST', `$${values.length + 1}`),
    },
    values: { window: [beforeId, window], rows: values },
  };
}
