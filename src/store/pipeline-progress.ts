import type { StepKind } from '../define/step-calls.ts';
import type { Database } from './database.ts';
import { TERMINAL } from './statuses.ts';

/** How far a call of a pipeline is. */
export interface CallProgress {
  pipelineId: string;
  key: string;
  kind: StepKind;
  /** 0 to 1. */
  done: number;
  /** Since it was recorded. */
  ageMs: number;
  /** Until it was settled; null while it is open. */
  tookMs: number | null;
  /** Of a pause: until it is over. */
  leftMs: number | null;
}

export interface FormerDuration {
  pipelineId: string;
  key: string;
  tookMs: number;
}

/** What the progress of pipelines is made of. */
export function createPipelineProgressStore(database: Database) {
  return {
    /** Walks `jobs_open_steps`: what is done costs nothing. */
    calls(pipelineIds: readonly string[]): Promise<CallProgress[]> {
      return database.query<CallProgress>(CALLS, [pipelineIds]);
    },

    /**
     * How long each call took in the newest pipeline that completed, of the tenant and type of each of these. Looks at the
     * newest jobs of a type only.
     */
    formerDurations(pipelineIds: readonly string[]): Promise<FormerDuration[]> {
      return database.query<FormerDuration>(FORMER, [pipelineIds, NEWEST]);
    },

    /** Keeps progress of pipelines that have started and not ended; it never goes back. */
    async save(percents: readonly { id: string; percent: number }[]): Promise<string[]> {
      const rows = await database.query<{ id: string }>(SAVE, [
        percents.map(({ id }) => id),
        percents.map(({ percent }) => percent),
      ]);
      return rows.map(({ id }) => id);
    },
  };
}

const NEWEST = 200;

const CALLS = `
  select s.pipeline_id as "pipelineId", s.key, s.kind,
    case
      when s.settled is not null then 1
      when s.size = 0 then 0
      else (s.size - open.count + open.share) / s.size
    end::float8 as done,
    (extract(epoch from now() - s.created_at) * 1000)::float8 as "ageMs",
    (extract(epoch from s.settled_at - s.created_at) * 1000)::float8 as "tookMs",
    case when s.kind = 'sleep' then greatest(0, extract(epoch from s.wake_at - now()) * 1000) end::float8 as "leftMs"
  from longshore.pipeline_steps s
  cross join lateral (
    select count(*) as count, coalesce(sum(j.progress_percent), 0) / 100 as share
    from longshore.jobs j
    where s.settled is null
      and j.parent_id = s.pipeline_id
      and j.step_key = s.key
      and j.status not in ${TERMINAL}
  ) open
  where s.pipeline_id = any($1::uuid[])
  order by s.position`;

const FORMER = `
  with kinds as (
    select p.tenant, p.type, array_agg(p.id) as ids
    from longshore.jobs p
    where p.id = any($1::uuid[])
    group by p.tenant, p.type
  )
  select unnest(kinds.ids) as "pipelineId", s.key,
    (extract(epoch from s.settled_at - s.created_at) * 1000)::float8 as "tookMs"
  from kinds
  cross join lateral (
    select newest.id
    from (
      select j.id, j.tenant, j.status, j.steps
      from longshore.jobs j
      where j.type = kinds.type
      order by j.id desc
      limit $2
    ) newest
    where newest.tenant = kinds.tenant and newest.status = 'completed' and newest.steps > 0
    order by newest.id desc
    limit 1
  ) former
  join longshore.pipeline_steps s on s.pipeline_id = former.id and s.settled is not null`;

const SAVE = `
  with given as (
    select j.id, g.percent
    from longshore.jobs j
    join unnest($1::uuid[], $2::real[]) as g(id, percent) on g.id = j.id
    where j.status in ('waiting', 'queued', 'processing', 'retrying') and j.started_at is not null and j.progress_percent < g.percent
    order by j.id
    for update of j
  )
  update longshore.jobs j
  set progress_percent = given.percent,
    progress_seq = j.progress_seq + case when j.status = 'waiting' then 1 else 0 end
  from given
  where j.id = given.id
  returning j.id`;
