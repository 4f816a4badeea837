import type { Database } from './database.ts';
import { TERMINAL } from './statuses.ts';

/** Pipelines that no news will ever wake: for the leader, the doctor and `admin reconcile`. */
export function createForgottenPipelineStore(database: Database) {
  return {
    /**
     * Pipelines that wait although they have nothing to wait for, and steps that go on although their pipeline has ended:
     * somebody has changed or removed jobs by hand. Walks `jobs_not_completed` and `jobs_open_steps`.
     */
    async count(): Promise<number> {
      const [row] = await database.query<{ n: number }>(
        `select count(distinct f.pipeline_id)::integer as n from (${FORGOTTEN}) f`,
      );
      return row?.n ?? 0;
    },

    /** Makes somebody look at these. @returns how many pipelines it were */
    async remind(): Promise<number> {
      const rows = await database.query<{ id: string }>(
        `insert into longshore.pipeline_news (pipeline_id, step_key, job_id) ${FORGOTTEN} returning pipeline_id as id`,
      );
      return new Set(rows.map(({ id }) => id)).size;
    },
  };
}

// News are consumed together with what they lead to, so there is no moment in which neither shows.
const FORGOTTEN = `
  select s.pipeline_id, s.key as step_key, failed.id as job_id
  from longshore.jobs p
  join longshore.pipeline_steps s on s.pipeline_id = p.id and s.settled is null and s.kind in ('job', 'all')
  left join lateral (
    select c.id
    from longshore.jobs c
    where c.parent_id = s.pipeline_id
      and c.step_key = s.key
      and c.status in ('failed', 'cancelled', 'expired')
      and s.on_failure = 'fail'
    order by c.step_index
    limit 1
  ) failed on true
  where p.status = 'waiting'
    and p.started_at is not null
    and not exists (select 1 from longshore.pipeline_news n where n.pipeline_id = p.id)
    and (failed.id is not null or not exists (
      select 1
      from longshore.jobs c
      where c.parent_id = s.pipeline_id
        and c.step_key = s.key
        and c.status not in ${TERMINAL}
        and (c.status <> 'waiting' or c.started_at is not null)))
  union all
  select distinct j.parent_id, null, null::uuid
  from longshore.jobs j
  where j.step_key is not null
    and j.status not in ${TERMINAL}
    and not exists (select 1 from longshore.jobs p where p.id = j.parent_id and p.status not in ${TERMINAL})
    and not exists (select 1 from longshore.pipeline_news n where n.pipeline_id = j.parent_id)`;
