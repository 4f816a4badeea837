import type { Database } from './database.ts';
import { createTakeStatements, type TakeParts } from './fair-order.ts';
import { type FairTake, takeFairly } from './fair-takes.ts';
import type { FairTurns } from './fair-turns.ts';
import type { RunKey } from './jobs.ts';
import { countStarts } from './key-starts.ts';

export interface ClaimRequest {
  queue: string;
  worker: string;
  /** The types that the worker can run; others stay for a worker that knows them. */
  types: readonly string[];
  limit: number;
  /** Whose turn it is. */
  turns: FairTurns;
  /** How long the window is that starts of a key are counted in; null where they are not. */
  windowMs?: number | null;
}

/** How the Postgres transport takes jobs, and the rate limits that it keeps. */
export function createClaimStore(database: Database) {
  return {
    /** Starts up to `limit` queued jobs of a queue: tenants by their weights, of each by priority, then due time. Walks `jobs_backlog`. */
    claim({ queue, worker, types, limit, turns, windowMs = null }: ClaimRequest): Promise<FairTake> {
      const request = { queue, limit, turns };
      if (windowMs === null) return takeFairly(database, CLAIM, request, [worker, types]);
      return takeFairly(database, CLAIM_COUNTED, request, [worker, types, windowMs]);
    },

    /** Puts jobs back that were claimed and not started; no attempt is counted. One that was cancelled stays as it is. */
    async giveBack(runs: readonly RunKey[]): Promise<void> {
      await database.query(GIVE_BACK, [runs.map((run) => run.id), runs.map((run) => run.fence)]);
    },

    /**
     * Takes tokens of a queue's rate limit, which all workers share. The queue must have its row (`overview.ensureQueue`).
     * @returns how many of `wanted` may start now, and when the window ends if that is fewer
     */
    async takeRateTokens(queue: string, wanted: number, max: number, durationMs: number): Promise<RateGrant> {
      const [row] = await database.query<RateGrant>(TAKE_RATE_TOKENS, [queue, wanted, max, durationMs]);
      return row ?? { granted: 0, retryInMs: durationMs, window: '' };
    },

    /** Gives tokens back that no job used. In a later window they are worth nothing. */
    async returnRateTokens(queue: string, window: string, count: number): Promise<void> {
      await database.query(
        `update longshore.queues
         set rate_count = greatest(0, rate_count - $3)
         where name = $1 and rate_window_start = $2::timestamptz`,
        [queue, window, count],
      );
    },
  };
}

export interface RateGrant {
  granted: number;
  retryInMs: number;
  /** Names the window that the tokens belong to. */
  window: string;
}

// Parameters: the worker ($3), the types that it knows ($4).
const CLAIM_PARTS: TakeParts = {
  parameters: 2,
  isOpen: 'not exists (select 1 from longshore.queues q where q.name = $1 and q.is_paused)',
  filter: `and j.type = any($4)
        and (j.expires_at is null or j.expires_at > now() or j.started_at is not null)`,
  set: `status = 'processing',
      fence = j.fence + 1,
      attempt = j.attempt + 1,
      worker = $3,
      reason = null,
      progress_percent = case when j.suspended_at is null then 0 else j.progress_percent end,
      progress_message = null,
      progress_seq = 0,
      started_at = case when j.suspended_at is null then now() else j.started_at end,
      suspended_at = case when j.suspended_at is not null then now() end`,
};

const CLAIM = createTakeStatements(CLAIM_PARTS);
/** With the length of the window ($5). */
const CLAIM_COUNTED = createTakeStatements({
  ...CLAIM_PARTS,
  parameters: 3,
  also: countStarts('taken', 'cross join (select $5::bigint as window_ms) given'),
});

// The first claim of all leaves no trace: a job that never ran may still expire.
const GIVE_BACK = `
  with given as (
    select j.id
    from unnest($1::uuid[], $2::bigint[]) as r(id, fence)
    join longshore.jobs j on j.id = r.id
    where j.fence = r.fence and coalesce(j.status, '') = 'processing'
    order by j.id
    for update of j
  )
  update longshore.jobs j
  set status = 'queued',
    attempt = j.attempt - 1,
    started_at = case when j.fence > 1 then j.started_at end
  from given
  where j.id = given.id`;

const TAKE_RATE_TOKENS = `
  with before as (
    select name,
      case when rate_window_start > now() - $4 * interval '1 millisecond' then rate_window_start else now() end as window_start,
      case when rate_window_start > now() - $4 * interval '1 millisecond' then rate_count else 0 end as used
    from longshore.queues
    where name = $1
    for update
  )
  update longshore.queues q
  set rate_window_start = before.window_start,
    rate_count = least($3::integer, before.used + $2::integer)
  from before
  where q.name = before.name
  returning q.rate_count - before.used as granted,
    greatest(0, extract(epoch from before.window_start - now()) * 1000 + $4)::float8 as "retryInMs",
    before.window_start::text as "window"`;
