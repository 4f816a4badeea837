import type { Database } from './database.ts';
import { type JobHead, jobHeadColumns } from './job-row.ts';
import { TERMINAL } from './statuses.ts';

/** Jobs of pipelines that have ended without them. */
export interface Orphans {
  jobs: JobHead[];
  /** Whether there may be more. */
  isFull: boolean;
}

/** What pipelines leave open when they end. News of it are consumed in the transaction that acts on them. */
export function createPipelineEndStore(database: Database) {
  return {
    /**
     * Takes the news that pipelines have ended, ends their pauses, and lists the jobs of theirs that have not ended. For a
     * transaction that ends those. Walks `jobs_open_steps`.
     * @param limit jobs; a pipeline that has more stays in the news
     */
    async takeOrphans(limit: number): Promise<Orphans> {
      const ended = await database.query<{ pipelineId: string }>(TAKE_ENDED, [ENDED_PER_LOOK]);
      if (ended.length === 0) return { jobs: [], isFull: false };
      const ids = await lockEnded(
        database,
        ended.map((row) => row.pipelineId),
      );
      await database.query(
        `update longshore.pipeline_steps
         set wake_at = null
         where pipeline_id = any($1::uuid[]) and settled is null and wake_at is not null`,
        [ids],
      );
      const jobs = await database.query<JobHead>(LIST_ORPHANS, [ids, limit]);
      if (jobs.length === limit) {
        await database.query(`insert into longshore.pipeline_news (pipeline_id) select unnest($1::uuid[])`, [ids]);
      }
      return { jobs, isFull: jobs.length === limit || ended.length === ENDED_PER_LOOK };
    },

    /** The jobs of one pipeline that have not ended although it has. For a transaction that ends those. */
    async orphansOf(pipelineId: string, limit: number): Promise<Orphans> {
      const ids = await lockEnded(database, [pipelineId]);
      const jobs = await database.query<JobHead>(LIST_ORPHANS, [ids, limit]);
      return { jobs, isFull: jobs.length === limit };
    },
  };
}

const ENDED_PER_LOOK = 100;

/** Those of these pipelines that have ended and stay so until the commit, or are gone: somebody has deleted them. */
async function lockEnded(database: Database, pipelineIds: readonly string[]): Promise<string[]> {
  const locked = await database.query<{ id: string }>(LOCK_ENDED, [pipelineIds]);
  const gone = await database.query<{ id: string }>(LIST_GONE, [pipelineIds]);
  return [...locked, ...gone].map((row) => row.id);
}

const TAKE_ENDED = `
  delete from longshore.pipeline_news n
  where n.id in (
    select id
    from longshore.pipeline_news
    where step_key is null
    order by id
    limit $1
    for update skip locked)
  returning n.pipeline_id as "pipelineId"`;

// One may run again since. The lock keeps the others from being retried until their jobs have ended.
const LOCK_ENDED = `
  select id
  from longshore.jobs
  where id = any($1::uuid[]) and status in ${TERMINAL}
  order by id
  for share`;

const LIST_GONE = `
  select distinct given.id
  from unnest($1::uuid[]) as given(id)
  where not exists (select 1 from longshore.jobs j where j.id = given.id)`;

// Those that run come last: a worker passes over what is locked here and starts others, which the next batch would abort.
const LIST_ORPHANS = `
  select ${jobHeadColumns('j')}
  from longshore.jobs j
  where j.parent_id = any($1::uuid[]) and j.step_key is not null and j.status not in ${TERMINAL}
  order by j.status = 'processing', j.id
  limit $2`;
