import type { JobFilter } from '../contract/filter.ts';
import type { JobStatus } from '../contract/job.ts';
import type { Database } from './database.ts';
import { chooseStatuses } from './job-filter.ts';
import type { TenantScope } from './scope.ts';
import { CHUNK_JOBS } from './search-chunks.ts';
import { countFinished, listByFinish, listByStatus, listNewest, type Statement } from './search-lists.ts';
import { type Candidate, findCandidates, lookInto, lookThroughBackfill } from './search-statements.ts';
import { requireTerms } from './search-terms.ts';

export interface Search {
  scope: TenantScope;
  filter: JobFilter;
  /** What is read of each job, of the table `j`; the id must be among it. */
  columns: string;
  limit: number;
  /** Only jobs with smaller ids. */
  beforeId: string | null;
  /** How many jobs are looked at, at most; about. */
  maxLooked: number;
}

/** Jobs that were found, newest first. */
export interface Found<Row> {
  rows: Row[];
  /** Where to go on; null at the end. There may be fewer rows than asked for before it: so many jobs were looked at. */
  nextBeforeId: string | null;
}

/** Of a status that fewer jobs have, all are looked at. */
const FEW_JOBS = 2000;
const FIRST_CHUNKS = 4;
const LARGEST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/**
 * Finds jobs by a filter, newest first, in a time that does not depend on how many there are: by their ids, by an index
 * on their status, or in chunks that have what the filter names.
 */
export async function searchJobs<Row extends { id: string }>(database: Database, search: Search): Promise<Found<Row>> {
  const { filter, scope, limit } = search;
  const statuses = chooseStatuses(filter);
  const read = async ({ text, values }: Statement) => toFound(await database.query<Row>(text, values), limit);
  if (statuses?.length === 0) return { rows: [], nextBeforeId: null };
  if (filter.ids !== undefined) return read(listNewest(search)); // by the primary key: they are a thousand at most
  const terms = requireTerms(scope, filter);
  const isUnbound = terms.length === 0 && isTimeless(filter);
  if (isUnbound && statuses === undefined) return read(listNewest(search));
  const isSmall =
    statuses !== undefined && !statuses.includes('completed') && (isUnbound || (await areFew(database, statuses)));
  if (isSmall) return read(listByStatus(search, statuses));
  if (await haveFewFinished(database, filter)) return read(listByFinish(search));
  return database.transaction(async (inner) => {
    // One picture of what is indexed for all rounds; and the planner does not know what reading the terms would cost.
    await inner.query('set transaction isolation level repeatable read, read only');
    await inner.query('set local enable_seqscan = off');
    return searchChunks<Row>(inner, search, terms);
  });
}

function isTimeless({ createdAfter, createdBefore, finishedAfter, finishedBefore }: JobFilter): boolean {
  return [createdAfter, createdBefore, finishedAfter, finishedBefore].every((time) => time === undefined);
}

async function areFew(database: Database, statuses: readonly JobStatus[]): Promise<boolean> {
  const [row] = await database.query<{ count: number }>(
    `select count(*)::integer as count
     from (select 1 from longshore.jobs where status = any($1) and status <> 'completed' limit ${FEW_JOBS + 1}) part`,
    [statuses],
  );
  return (row?.count ?? 0) <= FEW_JOBS;
}

async function haveFewFinished(database: Database, filter: JobFilter): Promise<boolean> {
  if (filter.finishedAfter === undefined && filter.finishedBefore === undefined) return false;
  const { text, values } = countFinished(filter, FEW_JOBS + 1);
  const [row] = await database.query<{ count: number }>(text, values);
  return (row?.count ?? 0) <= FEW_JOBS;
}

async function searchChunks<Row extends { id: string }>(
  database: Database,
  search: Search,
  terms: readonly number[][],
): Promise<Found<Row>> {
  const { limit, maxLooked } = search;
  const most = Math.ceil(maxLooked / CHUNK_JOBS) + 1;
  const [state] = await database.query<{ below: string }>('select below from longshore.search_backfill');
  const candidates = await readCandidates(database, search, terms, most);
  const rows: Row[] = [];
  let open: Candidate[] = [];
  let beforeId = search.beforeId ?? LARGEST_ID;
  let looked = 0;
  for (let [at, count] = [0, FIRST_CHUNKS]; at < candidates.length; count *= 2) {
    const part = candidates.slice(at, Math.min(at + count, most)); // the one after these only says where they end
    at += part.length;
    const next = candidates[at];
    const floor = largest(next?.lastId, state?.below);
    open = [...open.filter(({ firstId }) => firstId < beforeId), ...part];
    const { text, values } = lookInto(search, open, { beforeId, afterId: floor, limit: limit + 1 - rows.length });
    rows.push(...(await database.query<Row>(text, values)));
    if (rows.length > limit) return toFound(rows, limit);
    looked += part.reduce((sum, { jobs }) => sum + jobs, 0);
    if (floor !== undefined) beforeId = idAfter(floor);
    if (floor === state?.below) break;
    if (next && (looked >= maxLooked || at === most)) return { rows, nextBeforeId: beforeId };
  }
  if (state === undefined) return { rows, nextBeforeId: null };
  return lookFurther(
    database,
    { ...search, beforeId: smallest(beforeId, idAfter(state.below)) },
    rows,
    maxLooked - looked,
  );
}

async function readCandidates(database: Database, search: Search, terms: readonly number[][], limit: number) {
  const { text, values } = findCandidates(search, terms, limit);
  return database.query<Candidate>(text, values);
}

/** Jobs that are not in the index since there is one are looked through one after the other. */
async function lookFurther<Row extends { id: string }>(
  database: Database,
  search: Search,
  rows: Row[],
  maxLooked: number,
): Promise<Found<Row>> {
  let { beforeId } = search;
  for (let [left, count] = [maxLooked, 1024]; left > 0; left -= count, count *= 4) {
    const window = Math.min(left, count);
    const { text, values } = lookThroughBackfill(
      { ...search, beforeId, limit: search.limit + 1 - rows.length },
      window,
    );
    const [result] = await database.query<{ lastId: string | null; jobs: number }>(text.window, values.window);
    if (!result?.lastId) return { rows, nextBeforeId: null };
    const found = await database.query<Row>(text.rows, [...values.rows, result.lastId]);
    rows.push(...found);
    if (rows.length > search.limit) return toFound(rows, search.limit);
    if (result.jobs < window) return { rows, nextBeforeId: null };
    beforeId = result.lastId;
  }
  return { rows, nextBeforeId: beforeId };
}

function toFound<Row extends { id: string }>(rows: readonly Row[], limit: number): Found<Row> {
  const page = rows.slice(0, limit);
  return { rows: page, nextBeforeId: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
}

function largest(...ids: (string | undefined)[]): string | undefined {
  return ids
    .filter((id) => id !== undefined)
    .toSorted()
    .at(-1);
}

function smallest(one: string, other: string): string {
  return one < other ? one : other;
}

/** The next id of all that there can be. */
function idAfter(id: string): string {
  const digits = (BigInt(`0x${id.replaceAll('-', '')}`) + 1n).toString(16).padStart(32, '0');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
