import type { StepKind } from '../define/step-calls.ts';
import type { Database } from './database.ts';
import type { JobRow, RecordedFailure } from './job-row.ts';
import { createJobStore, type NewJob, type RunKey } from './jobs.ts';

export type OnFailure = 'fail' | 'continue';

/** A call of a pipeline, to be recorded. */
export interface NewStep {
  key: string;
  position: number;
  kind: StepKind;
  name: string;
  inputHash: string;
  size: number;
  onFailure: OnFailure;
  concurrency: number | null;
  /** Of a pause and of an event: milliseconds from the commit; null waits for ever. */
  waitMs: number | null;
}

/** A call of a pipeline, as the record has it. */
export interface RecordedStep extends Omit<NewStep, 'waitMs'> {
  /** How much had been settled when it was called. */
  seen: number;
  /** Its place in the order in which steps were settled; null while it is open. */
  settled: number | null;
  /** The job that failed it; null when nothing did, or when it goes on in spite of failures. */
  failedJobId: string | null;
  /** What the event brought; null when it timed out. */
  payload: unknown;
}

/** The end of one job of a settled step. */
export interface StepJob {
  key: string;
  index: number | null;
  id: string;
  type: string;
  status: JobRow['status'];
  reason: string | null;
  output: unknown;
  error: RecordedFailure | null;
}

/** What a run of a pipeline knows of its steps. */
export interface PipelineState {
  /** How much of it has been settled. */
  wakes: number;
  steps: RecordedStep[];
  /** Those of the steps that were settled after `afterWakes`. */
  jobs: StepJob[];
}

/** Rows of one statement: a JSON parameter of ten thousand jobs would be parsed as one. */
const JOBS_PER_INSERT = 1000;

/** What pipelines have called, and what came of it. */
export function createPipelineStore(database: Database) {
  return {
    /**
     * Reads what a run has not seen yet.
     * @param afterWakes what it has seen; -1 for nothing
     * @returns undefined when the run is no longer the newest of its job, or has ended
     */
    async load({ id, fence }: RunKey, afterWakes: number): Promise<PipelineState | undefined> {
      // First, so that everything that was settled up to it is there below.
      const [run] = await database.query<{ wakes: number }>(
        `select wakes from longshore.jobs where id = $1 and fence = $2 and status = 'processing'`,
        [id, fence],
      );
      if (!run) return undefined;
      const { wakes } = run;
      if (wakes === afterWakes) return { wakes, steps: [], jobs: [] };
      const steps = await database.query<RecordedStep>(LOAD_STEPS, [id, afterWakes, wakes]);
      const settled = steps.filter((step) => step.settled !== null);
      const jobs = settled.length === 0 ? [] : await database.query<StepJob>(LOAD_JOBS, [id, afterWakes, wakes]);
      return { wakes, steps, jobs };
    },

    /** The types of the pipelines that a job is a step of, the nearest first. */
    async ancestorTypes(id: string): Promise<string[]> {
      const rows = await database.query<{ type: string }>(ANCESTORS, [id]);
      return rows.map((row) => row.type);
    },

    /**
     * Records calls of a run, with their jobs, all together. It may be asked for again, in case its answer was lost.
     * @param seen how much had been settled when the run read the record last
     * @returns the rows of the jobs that are new; undefined when the run is no longer the newest, or has ended
     */
    record(
      run: RunKey,
      seen: number,
      steps: readonly NewStep[],
      jobs: readonly NewJob[],
    ): Promise<JobRow[] | undefined> {
      return database.transaction(async (inner) => {
        const last = Math.max(...steps.map((step) => step.position));
        // The lock keeps a cancel or a newer run from slipping in between.
        const [open] = await inner.query(
          `update longshore.jobs
           set steps = greatest(steps, $3)
           where id = $1 and fence = $2 and status = 'processing'
           returning id`,
          [run.id, run.fence, last + 1],
        );
        if (!open) return undefined;
        await inner.query(RECORD_STEPS, [run.id, seen, JSON.stringify(steps)]);
        const rows: JobRow[] = [];
        for (let start = 0; start < jobs.length; start += JOBS_PER_INSERT) {
          rows.push(...(await createJobStore(inner).insert(jobs.slice(start, start + JOBS_PER_INSERT))));
        }
        return rows;
      });
    },
  };
}

// The events of a step that was settled without one are none: it timed out.
const LOAD_STEPS = `
  select s.key, s.position, s.kind, s.name, s.input_hash as "inputHash", s.size, s.on_failure as "onFailure", s.concurrency, s.seen,
    case when s.settled <= $3 then s.settled end as settled, s.failed_job_id as "failedJobId", e.payload
  from longshore.pipeline_steps s
  left join longshore.pipeline_events e on s.kind = 'event' and e.pipeline_id = s.pipeline_id and e.step_key = s.key
  where s.pipeline_id = $1 and ($2 < 0 or (s.settled > $2 and s.settled <= $3))
  order by s.position`;

// Of a step that was failed by one of its jobs, only that one counts: the others may still run.
const LOAD_JOBS = `
  select j.step_key as key, j.step_index as index, j.id, j.type, j.status, j.reason, j.output, j.error
  from longshore.pipeline_steps s
  join longshore.jobs j on j.parent_id = s.pipeline_id and j.step_key = s.key
  where s.pipeline_id = $1
    and s.settled > $2
    and s.settled <= $3
    and (s.failed_job_id is null or j.id = s.failed_job_id)
  order by s.position, j.step_index`;

const ANCESTORS = `
  with recursive up as (
    select j.parent_id, 0 as height
    from longshore.jobs j
    where j.id = $1 and j.step_key is not null
    union all
    select case when p.step_key is not null then p.parent_id end, up.height + 1
    from up
    join longshore.jobs p on p.id = up.parent_id
  )
  select p.type
  from up
  join longshore.jobs p on p.id = up.parent_id
  order by up.height`;

// A step that waits for an event may find that one has come already: the news makes somebody look.
const RECORD_STEPS = `
  with given as (
    select *
    from jsonb_to_recordset($3::jsonb) as r(
      key text, position integer, kind text, name text, "inputHash" text, size integer, "onFailure" text, concurrency integer,
      "waitMs" bigint)
  ),
  recorded as (
    insert into longshore.pipeline_steps
      (pipeline_id, key, position, kind, name, input_hash, size, on_failure, concurrency, wait_ms, wake_at, seen)
    select $1, key, position, kind, name, "inputHash", size, "onFailure", concurrency, "waitMs",
      now() + "waitMs" * interval '1 millisecond', $2
    from given
    on conflict (pipeline_id, key) do nothing
    returning pipeline_id, key, kind
  )
  insert into longshore.pipeline_news (pipeline_id, step_key)
  select pipeline_id, key
  from recorded
  where kind = 'event'`;
