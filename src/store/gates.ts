import type { Database } from './database.ts';

/** Jobs of one key in a queue, and of one tenant, wait for each other. */
export interface JobKey {
  queue: string;
  tenant: string;
  concurrencyKey: string;
}

/** A key, and what its queue allows. */
export interface KeyRule extends JobKey {
  /** How many of its jobs may have their turn at once. */
  atOnce: number;
  rate: { max: number; durationMs: number } | undefined;
}

export interface KeyOutcome extends JobKey {
  /** How many jobs were given their turn. */
  opened: number;
  /** When more may start, in milliseconds; null where that is not what others wait for. */
  waitMs: number | null;
}

/** The rules of queues, for keys that are looked for. */
export interface QueueRule {
  queue: string;
  atOnce: number;
}

/**
 * Whose turn it is among jobs of a key. A job without its turn has a `gate`, and is in no index of what can be taken. One that has it
 * keeps it while it is queued or runs.
 */
export function createGateStore(database: Database) {
  return {
    /**
     * Opens as many gates of these keys as there are places: by priority, then due time. Looks at a key one after the other,
     * whoever asks. Walks `jobs_key_open` and `jobs_key_waiting`.
     */
    open(rules: readonly KeyRule[]): Promise<KeyOutcome[]> {
      const keys = [
        rules.map(({ queue }) => queue),
        rules.map(({ tenant }) => tenant),
        rules.map(({ concurrencyKey }) => concurrencyKey),
      ];
      return database.transaction(async (inner) => {
        await inner.query(LOCK_KEYS, keys);
        return inner.query<KeyOutcome>(OPEN, [
          ...keys,
          rules.map(({ atOnce }) => atOnce),
          rules.map(({ rate }) => rate?.max ?? null),
        ]);
      });
    },

    /**
     * Finds keys with jobs that wait although there is a place, in pages. Skips through `jobs_key_waiting` from key to key.
     * @param after the last key of the page before; undefined for the first
     * @param rules queues whose rule is not one at a time
     * @returns `last`: undefined after the last page
     */
    async findOpenable(
      after: JobKey | undefined,
      rules: readonly QueueRule[],
      limit: number,
    ): Promise<{ keys: JobKey[]; last: JobKey | undefined }> {
      const rows = await database.query<JobKey & { isOpenable: boolean }>(FIND_OPENABLE, [
        after?.queue ?? '',
        after?.tenant ?? '',
        after?.concurrencyKey ?? '',
        limit,
        rules.map(({ queue }) => queue),
        rules.map(({ atOnce }) => atOnce),
      ]);
      const keys = rows.filter(({ isOpenable }) => isOpenable);
      return { keys, last: rows.length === limit ? rows.at(-1) : undefined };
    },

    /** Forgets windows that are over. @returns how many */
    async removeOldWindows(limit: number): Promise<number> {
      const rows = await database.query(
        `delete from longshore.rate_windows
         where (queue, tenant, concurrency_key) in (
           select queue, tenant, concurrency_key from longshore.rate_windows where ends_at < now() - interval '1 minute' limit $1)
         returning queue`,
        [limit],
      );
      return rows.length;
    },
  };
}

// The count must see what everybody before us has committed: hence a statement of its own. Few locks for many keys: the server
// has a table of them for all.
const LOCK_KEYS = `
  select pg_advisory_xact_lock(hashtext('longshore.key'), bucket)
  from (
    select distinct hashtext(queue || '/' || tenant || '/' || key) & 63 as bucket
    from unnest($1::text[], $2::text[], $3::text[]) as given(queue, tenant, key)
    order by 1
  ) buckets`;

/** Whether a job of a key `k` has its turn. */
const HAS_TURN = `j.queue = k.queue and j.tenant = k.tenant and j.concurrency_key = k.key and j.gate is null
          and j.status in ('queued', 'processing')`;
const WAITS = `j.queue = k.queue and j.tenant = k.tenant and j.concurrency_key = k.key and j.gate is not null and j.status = 'queued'`;

// What has its turn and has not started may start in any window, also in the next: it counts against each.
const OPEN = `
  with k as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[]) as k(queue, tenant, key, at_once, max)
  ),
  room as materialized (
    select k.queue, k.tenant, k.key, w.ends_at, greatest(0, k.at_once - turns.held) as free,
      case when k.max is null then k.at_once else greatest(0, k.max - coalesce(w.count, 0) - turns.queued) end as allowed
    from k
    cross join lateral (
      select count(*)::integer as held, (count(*) filter (where status = 'queued'))::integer as queued
      from (select j.status from longshore.jobs j where ${HAS_TURN} limit k.at_once) turns
    ) turns
    left join longshore.rate_windows w
      on w.queue = k.queue and w.tenant = k.tenant and w.concurrency_key = k.key and w.ends_at > now()
  ),
  next as (
    select waiting.id, waiting.place <= k.allowed as is_open
    from room k
    cross join lateral (
      select locked.id, row_number() over (order by locked.rank, locked.run_at, locked.id) as place
      from (
        select j.id, -j.priority as rank, j.run_at
        from longshore.jobs j
        where ${WAITS}
        order by -j.priority, j.run_at, j.id
        limit k.free
        for update skip locked
      ) locked
    ) waiting
  ),
  changed as (
    update longshore.jobs j
    set gate = case when next.is_open then null else 'rate_limit' end
    from next
    where j.id = next.id
    returning j.queue, j.tenant, j.concurrency_key, next.is_open
  )
  select room.queue, room.tenant, room.key as "concurrencyKey",
    (count(*) filter (where changed.is_open))::integer as opened,
    case when bool_or(not changed.is_open)
      then greatest(0, extract(epoch from max(room.ends_at) - now()) * 1000)::float8 end as "waitMs"
  from room
  left join changed on changed.queue = room.queue and changed.tenant = room.tenant and changed.concurrency_key = room.key
  group by room.queue, room.tenant, room.key`;

const NEXT_KEY = `
      select j.queue, j.tenant, j.concurrency_key
      from longshore.jobs j
      where j.gate is not null and j.status = 'queued' and (j.queue, j.tenant, j.concurrency_key) > `;

const FIND_OPENABLE = `
  with recursive k as (
    (select next.queue, next.tenant, next.concurrency_key as key, 1 as number
     from (${NEXT_KEY}($1, $2, $3)
      order by j.queue, j.tenant, j.concurrency_key
      limit 1) next)
    union all
    select next.queue, next.tenant, next.concurrency_key, k.number + 1
    from k
    cross join lateral (${NEXT_KEY}(k.queue, k.tenant, k.key)
      order by j.queue, j.tenant, j.concurrency_key
      limit 1
    ) next
    where k.number < $4
  )
  select k.queue, k.tenant, k.key as "concurrencyKey",
    (select count(*) from (select 1 from longshore.jobs j where ${HAS_TURN} limit coalesce(r.at_once, 1)) held)
      < coalesce(r.at_once, 1) as "isOpenable"
  from k
  left join unnest($5::text[], $6::integer[]) as r(queue, at_once) on r.queue = k.queue
  order by k.number`;
