import type { StepKind } from '../define/step-calls.ts';
import type { Database } from './database.ts';
import type { JobRow } from './job-row.ts';

/** What is shown of a step's job. */
type JobColumn =
  | ('id' | 'type' | 'status' | 'reason' | 'attempt' | 'maxAttempts' | 'progressPercent' | 'progressMessage' | 'error')
  | ('stepIndex' | 'steps' | 'createdAt' | 'runAt' | 'startedAt' | 'finishedAt');

/** What a pipeline has called. */
interface CallRow {
  pipelineId: string;
  key: string;
  position: number;
  kind: StepKind;
  /** The type of its jobs, or the name of the event. */
  name: string;
  recordedAt: Date;
  /** When a pause is over, or nobody waits for the event any more; null, too, once the pipeline has ended. */
  wakeAt: Date | null;
  settledAt: Date | null;
  /** Whether the event has come. */
  isAnswered: boolean;
}

export type TreeJob = CallRow & Pick<JobRow, JobColumn>;
export type TreePause = CallRow & Record<JobColumn, null>;
/** One thing that a pipeline waits for, or has waited for: a job, or a pause or an event, which has none. */
export type TreeRow = TreeJob | TreePause;

/** A place in the list of a pipeline's steps: that of the call, and the job's within it. */
export interface TreeCursor {
  position: number;
  index: number;
}

const START: TreeCursor = { position: -1, index: -1 };

/** What pipelines have called, as people look at it. */
export function createPipelineTreeStore(database: Database) {
  return {
    /**
     * The first steps of each of these pipelines, or the next ones, in the order of the calls. Walks
     * `pipeline_steps_position`, and for each call `jobs_parent`.
     * @param limit steps of each pipeline
     */
    list(pipelineIds: readonly string[], limit: number, after: TreeCursor = START): Promise<TreeRow[]> {
      return database.query<TreeRow>(LIST, [pipelineIds, limit, after.position, after.index]);
    },
  };
}

const LIST = `
  select page.*
  from unnest($1::uuid[]) with ordinality as p(id, place)
  cross join lateral (
    select s.pipeline_id as "pipelineId", s.key, s.position, s.kind, s.name, s.created_at as "recordedAt",
      s.wake_at as "wakeAt", s.settled_at as "settledAt",
      s.kind = 'event' and exists (
        select 1
        from longshore.pipeline_events e
        where e.pipeline_id = s.pipeline_id and e.name = s.name and e.step_key = s.key) as "isAnswered",
      j.id, j.type, j.status, j.reason, j.attempt, j.max_attempts as "maxAttempts",
      j.progress_percent as "progressPercent", j.progress_message as "progressMessage", j.error,
      j.step_index as "stepIndex", j.steps, j.created_at as "createdAt", j.run_at as "runAt",
      j.started_at as "startedAt", j.finished_at as "finishedAt"
    from longshore.pipeline_steps s
    left join lateral (
      select *
      from longshore.jobs c
      where c.parent_id = s.pipeline_id
        and c.step_key = s.key
        and (s.position > $3 or c.step_index > $4)
      order by c.step_index
      limit $2
    ) j on true
    where s.pipeline_id = p.id
      and s.position >= $3
      and (j.id is not null or (s.kind in ('sleep', 'event') and s.position > $3))
    order by s.position, j.step_index
    limit $2
  ) page
  order by p.place, page.position, page."stepIndex"`;
