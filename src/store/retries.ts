import { writeDespiteOthers } from './contention.ts';
import type { Database } from './database.ts';
import { type JobRow, jobColumns } from './job-row.ts';
import { createRetryTree } from './retry-tree.ts';
import { TERMINAL } from './statuses.ts';

/** A job to run again; without `input` it keeps its own. */
export interface Retry {
  id: string;
  input?: unknown;
}

export function createRetryStore(database: Database) {
  return {
    /**
     * Puts jobs that failed, were cancelled or expired back into the queue, under larger fences than all of their runs had.
     * One is left out when it has another status, or when its deduplication key is held by a job that has not ended; of
     * several with one key the newest is taken.
     *
     * A pipeline is retried with those of its steps that did not complete, and a step with its pipeline. One whose pipeline
     * goes on, or has gone on without it, is left out. A pipeline that gets a new input forgets its steps.
     * @returns the rows that changed, also those of pipelines and steps that were not asked for
     */
    async retry(retries: readonly Retry[]): Promise<JobRow[]> {
      const values = retries.map((item) => ({ id: item.id, isEdited: 'input' in item, input: item.input }));
      return writeDespiteOthers(() =>
        database.transaction(async (inner) => {
          const tree = createRetryTree(inner);
          const edited = values.filter(({ isEdited }) => isEdited).map(({ id }) => id);
          const edits = new Map(values.map((value) => [value.id, value]));
          const put = (ids: readonly string[]) =>
            inner.query<JobRow>(RETRY, [JSON.stringify(ids.map((id) => edits.get(id) ?? { id, isEdited: false }))]);
          const locked = await tree.lockOutermost(values.map(({ id }) => id));
          const stuck = await tree.findStuck(locked, edited);
          const outermost = await put(locked);
          const ids = outermost.map(({ id }) => id);
          // Steps come second: where the key of their pipeline is held, they stay as they are, too.
          await tree.rewind(stuck.filter((id) => ids.includes(id)));
          const below = await tree.listBelow(ids, edited);
          const rows = [...outermost, ...(below.length === 0 ? [] : await put(below))];
          await tree.reopen(rows, edited);
          if (edited.length > 0) await inner.query(NOTE_UNINDEXED, [edited.toSorted()]);
          return rows;
        }),
      );
    },

    /** The job that has not ended and holds the deduplication key of this one, if there is one. */
    async findKeyHolder(id: string): Promise<string | undefined> {
      const [row] = await database.query<{ id: string }>(
        `select other.id
         from longshore.jobs j
         join longshore.jobs other on ${HOLDS_KEY}
         where j.id = $1 and other.id <> j.id`,
        [id],
      );
      return row?.id;
    },
  };
}

// Walks `jobs_deduplication`.
const HOLDS_KEY = `other.tenant = j.tenant
        and other.type = j.type
        and other.deduplication_key = j.deduplication_key
        and other.status not in ${TERMINAL}`;

// What they are found by has changed.
const NOTE_UNINDEXED = 'insert into longshore.search_unindexed (ids) values ($1)';

// The larger fence makes every later event larger than the end that was told before. A job that BullMQ has seen needs a
// delivery of another id. A step's job waits for its turn: its pipeline runs again, too. A JSON null in the array arrives as
// an SQL null.
const RETRY = `
  with r as (
    select * from jsonb_to_recordset($1::jsonb) as r(id uuid, "isEdited" boolean, input jsonb)
  ),
  ended as (
    select j.id, j.tenant, j.type, j.deduplication_key
    from longshore.jobs j
    join r on r.id = j.id
    where j.status in ('failed', 'cancelled', 'expired')
      and not exists (select 1 from longshore.jobs other where ${HOLDS_KEY})
    order by j.id
    for update of j
  ),
  ranked as (
    select id,
      row_number() over (
        partition by tenant, type, deduplication_key, case when deduplication_key is null then id end
        order by id desc
      ) as rank
    from ended
  )
  update longshore.jobs j
  set status = case when s.concurrency is null then 'queued' else 'waiting' end,
    reason = null,
    fingerprint = null,
    input = case when r."isEdited" then coalesce(r.input, 'null') else j.input end,
    output = null,
    attempt = 0,
    rescues = 0,
    progress_percent = 0,
    progress_message = null,
    progress_seq = 0,
    worker = null,
    fence = j.fence + 1,
    delivery = j.delivery + case when j.dispatched_at is not null or j.fence > 0 then 1 else 0 end,
    run_at = now(),
    dispatched_at = null,
    gate = case when j.concurrency_key is not null then 'concurrency_key' end,
    expires_at = null,
    started_at = null,
    finished_at = null,
    suspended_at = null
  from r
  join ranked on ranked.id = r.id and ranked.rank = 1
  join longshore.jobs own on own.id = r.id
  left join longshore.pipeline_steps s on s.pipeline_id = own.parent_id and s.key = own.step_key
  where j.id = r.id
  returning ${jobColumns('j')}`;
