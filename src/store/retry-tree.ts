import type { Database } from './database.ts';
import type { JobRow } from './job-row.ts';
import { TERMINAL } from './statuses.ts';

/** What a retry means for pipelines and their steps. For use within the transaction of the retry. */
export function createRetryTree(database: Database) {
  return {
    /**
     * Finds what has to run again first so that these jobs can: of a step, the outermost of its pipelines that has ended.
     * Locks it.
     * @returns ids; without a job that cannot be retried because its pipeline goes on, or has gone on without it
     */
    async lockOutermost(ids: readonly string[]): Promise<string[]> {
      const outermost = await database.query<{ id: string }>(OUTERMOST, [ids]);
      // Whoever ends the steps of one of them has it locked; what follows must see how that ended. One that another retry
      // has taken meanwhile runs again, and what fails below it now is for itself to judge.
      const locked = await database.query<{ id: string }>(LOCK_ENDED, [outermost.map((row) => row.id)]);
      return locked.map((row) => row.id);
    },

    /**
     * Finds pipelines that a retry would only lead to the same failure: the code has caught it, called something, and thrown
     * it again. To be asked before they are retried.
     */
    async findStuck(ids: readonly string[], edited: readonly string[]): Promise<string[]> {
      const rows = await database.query<{ id: string }>(STUCK, [ids, edited]);
      return rows.map((row) => row.id);
    },

    /** Takes such pipelines back to before their last failure: what they have called since is forgotten. */
    async rewind(ids: readonly string[]): Promise<void> {
      if (ids.length > 0) await database.query(REWIND, [ids]);
    },

    /**
     * Of these, and of each pipeline among them in turn, the steps that did not complete.
     * @param edited those that get a new input: the steps of such a pipeline are not run again
     */
    async listBelow(ids: readonly string[], edited: readonly string[]): Promise<string[]> {
      const rewound = new Set<string>();
      for (;;) {
        const below = (await database.query<{ id: string }>(BELOW, [ids, edited])).map((row) => row.id);
        const stuck = (await this.findStuck(below, edited)).filter((id) => !rewound.has(id));
        if (stuck.length === 0) return below;
        await this.rewind(stuck);
        for (const id of stuck) rewound.add(id);
      }
    },

    /** Opens the steps of pipelines that run again; those of the edited ones are forgotten. */
    async reopen(rows: readonly JobRow[], edited: readonly string[]): Promise<void> {
      const pipelines = rows.filter((row) => row.steps > 0).map((row) => row.id);
      const anew = pipelines.filter((id) => edited.includes(id));
      if (anew.length > 0) await database.query(FORGET_STEPS, [anew]);
      const goingOn = pipelines.filter((id) => !edited.includes(id));
      if (goingOn.length > 0) await database.query(REOPEN, [goingOn]);
    },
  };
}

const RETRYABLE = `('failed', 'cancelled', 'expired')`;

/** Whether the pipeline of a step `s` has acted upon its end: it has called something since. */
const IS_PASSED = `(s.settled is not null and exists (
      select 1 from longshore.pipeline_steps later where later.pipeline_id = s.pipeline_id and later.seen >= s.settled))`;

// Goes up while the pipeline of a step has ended without completing.
const OUTERMOST = `
  with recursive up as (
    select j.id as wanted, j.id, j.parent_id, j.step_key, j.status, 0 as height
    from longshore.jobs j
    where j.id = any($1::uuid[]) and j.status in ${RETRYABLE}
    union all
    select up.wanted, p.id, p.parent_id, p.step_key, p.status, up.height + 1
    from up
    join longshore.jobs p on p.id = up.parent_id
    where up.step_key is not null and up.status in ${RETRYABLE}
  ),
  refused as (
    select up.wanted
    from up
    where up.status not in ${TERMINAL}
    union
    select up.wanted
    from up
    join longshore.jobs p on p.id = up.parent_id
    join longshore.pipeline_steps s on s.pipeline_id = up.parent_id and s.key = up.step_key
    where p.status = 'completed' or (p.status in ${RETRYABLE} and ${IS_PASSED})
  )
  select distinct outermost.id
  from (
    select distinct on (up.wanted) up.wanted, up.id
    from up
    where up.status in ${RETRYABLE}
    order by up.wanted, up.height desc
  ) outermost
  where outermost.wanted not in (select wanted from refused)`;

/** Of pipelines `down`, the steps `c` that did not complete. */
const JOIN_OPEN_STEPS = `
    join longshore.pipeline_steps s on s.pipeline_id = down.id and down.id <> all($2::uuid[]) and not ${IS_PASSED}
    join longshore.jobs c on c.parent_id = s.pipeline_id and c.step_key = s.key and c.status in ${RETRYABLE}`;

const STUCK = `
  select p.id
  from longshore.jobs p
  where p.id = any($1::uuid[])
    and p.id <> all($2::uuid[])
    and p.status = 'failed'
    and p.reason = 'step_failed'
    and not exists (
      select 1
      from longshore.pipeline_steps s
      where s.pipeline_id = p.id and (s.settled is null or (s.failed_job_id is not null and not ${IS_PASSED})))`;

// The jobs of what is forgotten stay as jobs that the pipeline once started; an event that it took can be taken again.
const REWIND = `
  with failures as (
    select distinct on (s.pipeline_id) s.pipeline_id, s.settled
    from longshore.pipeline_steps s
    where s.pipeline_id = any($1::uuid[]) and s.failed_job_id is not null and s.on_failure = 'fail'
    order by s.pipeline_id, s.settled desc
  ),
  forgotten as (
    delete from longshore.pipeline_steps s
    using failures
    where s.pipeline_id = failures.pipeline_id and s.seen >= failures.settled
    returning s.pipeline_id, s.key
  ),
  given_back as (
    update longshore.pipeline_events e
    set step_key = null
    from forgotten
    where e.pipeline_id = forgotten.pipeline_id and e.step_key = forgotten.key
  )
  update longshore.jobs j
  set step_key = null,
    step_index = null
  from forgotten
  where j.parent_id = forgotten.pipeline_id and j.step_key = forgotten.key`;

const LOCK_ENDED = `
  select j.id
  from longshore.jobs j
  where j.id = any($1::uuid[]) and j.status in ${RETRYABLE}
  order by j.id
  for update`;

// Goes down by the pipelines alone: a planner that knows nothing yet of ten thousand cancelled steps compares each with each.
const BELOW = `
  with recursive down as (
    select id
    from unnest($1::uuid[]) as given(id)
    union
    select c.id
    from down ${JOIN_OPEN_STEPS}
    where c.steps > 0
  )
  select c.id
  from down ${JOIN_OPEN_STEPS}
  where c.id <> all($1::uuid[])`;

// A step may have come to its end while nobody listened, or its jobs may wait for their turn: the news make somebody look.
const REOPEN = `
  with reopened as (
    update longshore.pipeline_steps s
    set settled = null,
      settled_at = null,
      failed_job_id = null
    where s.pipeline_id = any($1::uuid[])
      and s.settled is not null
      and not ${IS_PASSED}
      and exists (
        select 1
        from longshore.jobs c
        where c.parent_id = s.pipeline_id
          and c.step_key = s.key
          and c.status not in ${TERMINAL})
    returning s.pipeline_id, s.key
  ),
  waiting as (
    update longshore.pipeline_steps s
    set wake_at = s.created_at + s.wait_ms * interval '1 millisecond'
    where s.pipeline_id = any($1::uuid[]) and s.settled is null and s.wait_ms is not null
  )
  insert into longshore.pipeline_news (pipeline_id, step_key)
  select pipeline_id, key from reopened
  union all
  select s.pipeline_id, s.key
  from longshore.pipeline_steps s
  where s.pipeline_id = any($1::uuid[]) and s.settled is null`;

// Their jobs stay as jobs that the pipeline once started.
const FORGET_STEPS = `
  with forgotten as (
    delete from longshore.pipeline_steps
    where pipeline_id = any($1::uuid[])
    returning pipeline_id
  ),
  told as (
    delete from longshore.pipeline_events
    where pipeline_id in (select pipeline_id from forgotten) and step_key is not null
  ),
  released as (
    update longshore.jobs
    set step_key = null,
      step_index = null
    where parent_id in (select pipeline_id from forgotten) and step_key is not null
  )
  update longshore.jobs
  set steps = 0
  where id in (select pipeline_id from forgotten)`;
