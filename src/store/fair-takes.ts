import type { Database } from './database.ts';
import type { TakeStatements } from './fair-order.ts';
import type { FairTurns, TenantTurn } from './fair-turns.ts';
import { byPriorityAndTime, type JobRow } from './job-row.ts';

/** What to take of a queue. */
export interface FairRequest {
  queue: string;
  limit: number;
  turns: FairTurns;
}

export interface FairTake {
  /** In the order in which they should start. */
  jobs: JobRow[];
  /** Whether nothing is left that could be taken now. */
  isDrained: boolean;
  /** Whether several tenants wait: then nothing but this order is fair to all of them. */
  isShared: boolean;
}

/** A tenant that was looked at, and one of its jobs that was taken, if any. */
type FoundRow = Share & { isCut: boolean } & (JobRow | { id: null });

interface Share {
  shareOf: string;
  weight: number;
  /** How many of its jobs it may have taken now. */
  size: number;
  /** Whether it has a limit of jobs in flight. */
  isLimited: boolean;
}

/** A job that was taken of a tenant alone, if any. */
type SoleRow = { room: number } & (JobRow | { id: null });

/** How many looks one call takes at most: whoever has less than its share leaves room for the others. */
const ROUNDS = 8;

/**
 * Takes jobs of a queue, each tenant by its weight. What a tenant leaves of its share goes to the others at once. Tenants with a limit
 * of jobs in flight are counted and served by a transaction of their own, so that nobody else pays for them.
 * @param values the transport's own parameters
 */
export async function takeFairly(
  database: Database,
  statements: TakeStatements,
  request: FairRequest,
  values: readonly unknown[],
): Promise<FairTake> {
  const parts = { database, statements, values };
  const take = (await takeOfSole(parts, request)) ?? (await takeOfAll(parts, request));
  request.turns.isIdle = take.jobs.length === 0;
  return take;
}

interface Parts {
  database: Database;
  statements: TakeStatements;
  values: readonly unknown[];
}

function nothing(): FairTake {
  return { jobs: [], isShared: false, isDrained: true };
}

/**
 * Takes jobs of a queue that has one tenant, as most have: where that is likely by the quick statement; where nothing is, after a
 * glance. Whoever gets nothing of what he sees learns from the slower one whether another was faster, or a tenant has come.
 * @returns undefined unless the queue has one tenant
 */
async function takeOfSole(parts: Parts, { queue, limit, turns }: FairRequest): Promise<FairTake | undefined> {
  const { database, statements } = parts;
  const { glance, quick } = statements;
  const isEmpty = async () => {
    if (glance === undefined) return false;
    const [first] = await database.query<{ tenant: string }>(glance, [queue]);
    turns.sole = first?.tenant ?? turns.sole;
    return first === undefined;
  };
  const valuesFor = (tenant: string) => [queue, limit, ...parts.values, tenant];
  const { isIdle } = turns;
  if (isIdle && (await isEmpty())) return nothing();
  if (quick !== undefined && turns.sole !== undefined) {
    const jobs = await database.query<JobRow>(quick, valuesFor(turns.sole));
    if (jobs.length > 0) return { jobs: jobs.sort(byPriorityAndTime), isShared: false, isDrained: jobs.length < limit };
    if (!isIdle && (await isEmpty())) return nothing();
  }
  if (statements.sole === undefined || turns.sole === undefined) return undefined;
  const rows = await database.query<SoleRow>(statements.sole, valuesFor(turns.sole));
  const [head] = rows;
  if (!head) return undefined;
  const jobs = rows.flatMap(({ room: _room, ...job }) => (job.id === null ? [] : [job as JobRow]));
  return { jobs: jobs.sort(byPriorityAndTime), isShared: false, isDrained: jobs.length < Math.max(1, head.room) };
}

async function takeOfAll(parts: Parts, request: FairRequest): Promise<FairTake> {
  const { turns, limit } = request;
  const jobs: JobRow[] = [];
  const served: string[] = [];
  let isShared = false;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { shares, taken, isCut } = await look(parts, { ...request, limit: limit - jobs.length }, served);
    jobs.push(...taken);
    isShared ||= shares.length > 1;
    const found = countTaken(shares, taken);
    turns.note(found, { isAll: round === 0 && !isCut });
    turns.after = isCut ? (shares.at(-1)?.shareOf ?? '') : '';
    const short = found.filter(({ hasMore }) => !hasMore);
    const isLast = short.length === shares.length && !isCut;
    if (isLast || short.length === 0 || jobs.length >= limit) return { jobs, isShared, isDrained: isLast };
    served.push(...short.map(({ tenant }) => tenant));
  }
  return { jobs, isShared, isDrained: jobs.length === 0 }; // more tenants wait for their limits than can be passed over at once
}

interface Look {
  shares: Share[];
  taken: JobRow[];
  /** Whether there are more tenants than could be looked at. */
  isCut: boolean;
}

async function look(parts: Parts, { queue, limit, turns }: FairRequest, served: readonly string[]): Promise<Look> {
  const { tenants, ahead } = turns.list();
  const values = [queue, limit, ...parts.values, turns.after, tenants, ahead, served];
  const rows = await parts.database.query<FoundRow>(parts.statements.fair, values);
  const shares = [...new Map(rows.map((row) => [row.shareOf, row])).values()];
  const taken = rows.flatMap(toJob);
  const waiting = shares.filter(({ isLimited, size }) => isLimited && size > 0);
  if (waiting.length > 0) taken.push(...(await takeLimited(parts, queue, waiting)));
  return { shares, taken: inTurn(taken, shares, turns), isCut: rows[0]?.isCut ?? false };
}

function toJob({ shareOf: _of, weight: _weight, size: _size, isLimited: _isLimited, isCut: _isCut, ...job }: FoundRow) {
  return job.id === null ? [] : [job as JobRow];
}

// The count must see what everybody before us has committed: hence a statement of its own, after that which waits for the lock.
function takeLimited(parts: Parts, queue: string, shares: readonly Share[]): Promise<JobRow[]> {
  const tenants = shares.map(({ shareOf }) => shareOf);
  const sizes = shares.map(({ size }) => size);
  const limit = sizes.reduce((sum, size) => sum + size, 0);
  return parts.database.transaction(async (inner) => {
    await inner.query(LOCK_TENANTS, [tenants]);
    return inner.query<JobRow>(parts.statements.limited, [queue, limit, ...parts.values, tenants, sizes]);
  });
}

function countTaken(shares: readonly Share[], taken: readonly JobRow[]): TenantTurn[] {
  const counts = Map.groupBy(taken, ({ tenant }) => tenant);
  return shares.map(({ shareOf, weight, size, isLimited }) => {
    const count = counts.get(shareOf)?.length ?? 0;
    return { tenant: shareOf, weight, taken: count, hasMore: count === size, isLimited };
  });
}

/** Puts jobs into the order of their virtual finishing times: how far its tenant is ahead, and 1 / weight for each turn of it. */
function inTurn(jobs: JobRow[], shares: readonly Share[], turns: FairTurns): JobRow[] {
  if (shares.length < 2) return jobs.sort(byPriorityAndTime); // "returning" gives no order
  const ofTenants = Map.groupBy(jobs, ({ tenant }) => tenant);
  return shares
    .flatMap(({ shareOf, weight }) => {
      const own = ofTenants.get(shareOf)?.sort(byPriorityAndTime) ?? [];
      return own.map((job, index) => ({ job, finish: turns.aheadOf(shareOf) + (index + 1) / weight }));
    })
    .sort((one, other) => one.finish - other.finish)
    .map(({ job }) => job);
}

// In one order everywhere, so that nobody waits for each other.
const LOCK_TENANTS = `
  select pg_advisory_xact_lock(hashtext('longshore.tenant'), key)
  from (select distinct hashtext(name) as key from unnest($1::text[]) as given(name) order by 1) keys`;
