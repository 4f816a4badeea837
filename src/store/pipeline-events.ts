import type { Database } from './database.ts';
import { TERMINAL } from './statuses.ts';

/** What somebody tells a pipeline. */
export interface NewPipelineEvent {
  id: string;
  pipelineId: string;
  name: string;
  payload: unknown;
}

/** What pipelines are told from outside. */
export function createPipelineEventStore(database: Database) {
  return {
    /**
     * Keeps an event, and the news of it. It may be asked for again, in case its answer was lost.
     * @returns false when the job has ended, and nothing was kept
     */
    async record({ id, pipelineId, name, payload }: NewPipelineEvent): Promise<boolean> {
      const rows = await database.query(RECORD, [id, pipelineId, name, JSON.stringify(payload)]);
      return rows.length > 0;
    },
  };
}

// The lock keeps the pipeline from ending in between. The news is there whether a step waits for the event or not: one that
// is being recorded just now cannot be seen here, nor see the event. Its key is that of no step, or of one that is looked at in vain.
const RECORD = `
  with open as (
    select j.id
    from longshore.jobs j
    where j.id = $2 and j.status not in ${TERMINAL}
    for share
  ),
  recorded as (
    insert into longshore.pipeline_events (id, pipeline_id, name, payload)
    select $1, open.id, $3, $4::jsonb
    from open
    on conflict (id) do nothing
    returning id, pipeline_id
  ),
  told as (
    insert into longshore.pipeline_news (pipeline_id, step_key)
    select pipeline_id, $3
    from recorded
  )
  select id from recorded
  union all
  select e.id from longshore.pipeline_events e where e.id = $1`;
