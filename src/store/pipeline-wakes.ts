import { writeDespiteOthers } from './contention.ts';
import type { Database } from './database.ts';
import { TERMINAL } from './statuses.ts';

/** A pipeline of which something has been settled. */
export interface WokenPipeline {
  id: string;
  queue: string;
  tenant: string;
  concurrencyKey: string | null;
  /** `queued` when it waited; one that runs, or is to run anyhow, finds out by itself. */
  status: string;
}

export interface Outlook {
  /** Whether something has ended that pipelines have to hear of. */
  hasNews: boolean;
  /** Milliseconds until the next pause is over or wait has timed out, at least 0; undefined when there is none. */
  dueInMs: number | undefined;
}

export interface Settled {
  woken: WokenPipeline[];
  /** Every pipeline that had news. */
  touched: string[];
  /** Jobs that had to wait for their turn, and need not any more. */
  released: Omit<WokenPipeline, 'status'>[];
  /** Whether there are news that pipelines have ended. */
  hasEnded: boolean;
  /** Whether there may be more to settle. */
  isFull: boolean;
}

/**
 * How pipelines hear of the ends of their steps. News are consumed in the transaction that acts on them, so a crash loses
 * none. Any number of processes may do so at once: of two ends of one step, the later look sees both.
 */
export function createPipelineWakeStore(database: Database) {
  return {
    /**
     * Settles steps whose jobs have ended, whose time has come, or whose event has arrived, makes their pipelines `queued`,
     * and lets the next jobs of a step with a `concurrency` start. Walks `pipeline_steps_due` and `jobs_open_steps`.
     */
    settle(limit: number): Promise<Settled> {
      // It locks pipelines and then jobs of theirs; who changes many jobs by their ids may come from the other side.
      return writeDespiteOthers(() => database.transaction((inner) => settle(inner, limit)));
    },

    /** Whether there is anything to settle: a glance, at a tenth of the price of `settle`. */
    async look(): Promise<Outlook> {
      const [row] = await database.query<{ hasNews: boolean; ms: number | null }>(
        `select (select id from longshore.pipeline_news order by id limit 1) is not null as "hasNews",
           (extract(epoch from min(wake_at) - now()) * 1000)::float8 as ms
         from longshore.pipeline_steps
         where settled is null and wake_at is not null`,
      );
      return { hasNews: row?.hasNews ?? false, dueInMs: row?.ms == null ? undefined : Math.max(0, row.ms) };
    },
  };
}

async function settle(database: Database, limit: number): Promise<Settled> {
  const rows = await database.query<SettleRow>(SETTLE, [limit]);
  const limited = rows.filter((row) => row.what === 'limited');
  const keys = [limited.map((row) => row.id), limited.map((row) => row.key)];
  const released = limited.length === 0 ? [] : await database.query<Omit<WokenPipeline, 'status'>>(RELEASE, keys);
  return {
    woken: rows.filter((row) => row.what === 'woken') as WokenPipeline[],
    touched: [...new Set(rows.filter((row) => row.what === 'touched').map((row) => row.id))],
    released,
    hasEnded: rows.some((row) => row.what === 'ended'),
    isFull: rows.some((row) => row.what === 'full'),
  };
}

interface SettleRow {
  what: 'woken' | 'touched' | 'limited' | 'ended' | 'full';
  id: string;
  key: string | null;
  queue: string | null;
  tenant: string | null;
  concurrencyKey: string | null;
  status: string | null;
}

// The order of settlement is that of the commits: whoever settles counts up under the lock of the pipeline's row. A reader
// that knows the count so far therefore knows a beginning of that order.
// The oldest event goes to the step that asked first; when somebody else has settled that meanwhile, by its time, another
// look gives it to the next one. News may be of a job of a former input, which belongs to no step any more. A pipeline that
// has ended settles nothing: a retry goes on from there. "offset 0" keeps the planner from reading all steps there are,
// however few news it expects.
const SETTLE = `
  with taken as (
    delete from longshore.pipeline_news n
    where n.id in (
      select id
      from longshore.pipeline_news
      where step_key is not null
      order by id
      limit $1
      for update skip locked)
    returning n.pipeline_id, n.step_key, n.job_id
  ),
  due as (
    select pipeline_id, key as step_key
    from longshore.pipeline_steps
    where settled is null and wake_at <= now()
    order by wake_at
    limit $1
  ),
  touched as (
    select pipeline_id, step_key from taken
    union
    select pipeline_id, step_key from due
  ),
  answers as (
    select asked.pipeline_id, asked.key, told.id
    from (
      select s.pipeline_id, s.key, s.name, row_number() over (partition by s.pipeline_id, s.name order by s.position) as turn
      from (select distinct pipeline_id from touched) t
      cross join lateral (
        select * from longshore.pipeline_steps where pipeline_id = t.pipeline_id and kind = 'event' and settled is null offset 0
      ) s
    ) asked
    join (
      select e.pipeline_id, e.id, e.name, row_number() over (partition by e.pipeline_id, e.name order by e.id) as turn
      from (select distinct pipeline_id from touched) t
      cross join lateral (
        select * from longshore.pipeline_events where pipeline_id = t.pipeline_id and step_key is null offset 0
      ) e
    ) told on told.pipeline_id = asked.pipeline_id and told.name = asked.name and told.turn = asked.turn
  ),
  candidates as (
    select pipeline_id, step_key from touched
    union
    select pipeline_id, key from answers
  ),
  failures as (
    select distinct on (c.parent_id, c.step_key) c.parent_id as pipeline_id, c.step_key, c.id
    from taken
    join longshore.jobs c on c.id = taken.job_id and c.parent_id = taken.pipeline_id and c.step_key = taken.step_key
    where c.status in ('failed', 'cancelled', 'expired')
    order by c.parent_id, c.step_key, c.step_index
  ),
  looked_at as (
    select s.pipeline_id, s.key, s.kind, s.concurrency, answers.id as event_id,
      case when s.on_failure = 'fail' then failures.id end as failed_job_id,
      case
        when s.kind in ('sleep', 'event') then s.wake_at <= now()
        else not exists (
          select 1
          from longshore.jobs c
          where c.parent_id = s.pipeline_id
            and c.step_key = s.key
            and c.status not in ${TERMINAL})
      end as is_over
    from candidates
    cross join lateral (
      select *
      from longshore.pipeline_steps
      where pipeline_id = candidates.pipeline_id and key = candidates.step_key and settled is null
      offset 0
    ) s
    left join failures on failures.pipeline_id = s.pipeline_id and failures.step_key = s.key
    left join answers on answers.pipeline_id = s.pipeline_id and answers.key = s.key
  ),
  settling as (
    select *
    from looked_at
    where is_over or event_id is not null or failed_job_id is not null
  ),
  locked as (
    select p.id
    from longshore.jobs p
    where p.id in (select pipeline_id from settling) and p.status not in ${TERMINAL}
    order by p.id
    for update
  ),
  woken as (
    update longshore.jobs p
    set wakes = p.wakes + 1,
      status = case when p.status = 'waiting' and p.started_at is not null then 'queued' else p.status end
    from locked
    where p.id = locked.id
    returning p.id, p.queue, p.tenant, p.concurrency_key, p.status, p.wakes
  ),
  settled as (
    update longshore.pipeline_steps s
    set settled = woken.wakes,
      settled_at = now(),
      failed_job_id = settling.failed_job_id
    from settling
    join woken on woken.id = settling.pipeline_id
    where s.pipeline_id = settling.pipeline_id and s.key = settling.key and s.settled is null
    returning s.pipeline_id, s.key
  ),
  consumed as (
    update longshore.pipeline_events e
    set step_key = settling.key
    from settling
    join settled on settled.pipeline_id = settling.pipeline_id and settled.key = settling.key
    where e.id = settling.event_id and e.step_key is null
  ),
  missed as (
    insert into longshore.pipeline_news (pipeline_id, step_key)
    select settling.pipeline_id, settling.key
    from settling
    join woken on woken.id = settling.pipeline_id
    where settling.event_id is not null
      and (settling.pipeline_id, settling.key) not in (select pipeline_id, key from settled)
  )
  select 'woken' as what, id, null as key, queue, tenant, concurrency_key as "concurrencyKey", status from woken
  union all
  select distinct 'touched', pipeline_id, null, null, null, null, null from touched
  union all
  select 'limited', l.pipeline_id, l.key, null, null, null, null
  from looked_at l
  where l.concurrency is not null and not l.is_over and l.failed_job_id is null
  union all
  select 'ended', null, null, null, null, null, null
  where exists (select 1 from longshore.pipeline_news where step_key is null)
  union all
  select 'full', null, null, null, null, null, null
  where (select count(*) from taken) = $1 or (select count(*) from due) = $1`;

// A job that waits for its turn has never started; a pipeline that waits for its steps has.
const RELEASE = `
  with next as (
    select c.id
    from unnest($1::uuid[], $2::text[]) as t(pipeline_id, key)
    join longshore.pipeline_steps s on s.pipeline_id = t.pipeline_id and s.key = t.key
    join longshore.jobs p on p.id = s.pipeline_id and p.status not in ${TERMINAL}
    cross join lateral (
      select count(*) filter (where j.status <> 'waiting' or j.started_at is not null) as started
      from longshore.jobs j
      where j.parent_id = s.pipeline_id and j.step_key = s.key and j.status not in ${TERMINAL}
    ) open
    cross join lateral (
      select j.id
      from longshore.jobs j
      where j.parent_id = s.pipeline_id
        and j.step_key = s.key
        and j.status not in ${TERMINAL}
        and j.status = 'waiting'
        and j.started_at is null
      order by j.step_index
      limit greatest(0, s.concurrency - open.started)
    ) c
  ),
  locked as (
    select j.id
    from longshore.jobs j
    where j.id in (select id from next) and j.status = 'waiting' and j.started_at is null
    order by j.id
    for update
  )
  update longshore.jobs j
  set status = 'queued',
    run_at = now()
  from locked
  where j.id = locked.id
  returning j.id, j.queue, j.tenant, j.concurrency_key as "concurrencyKey"`;
