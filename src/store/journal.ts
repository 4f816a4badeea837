import type { Database } from './database.ts';
import { eventIdOf } from './fence.ts';
import type { RecordedFailure } from './job-row.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogLine {
  jobId: string;
  fence: number;
  seq: number;
  attempt: number;
  level: LogLevel;
  message: string;
  fields: Record<string, unknown> | null;
  /** Epoch milliseconds. */
  atMs: number;
}

export interface ProgressReport {
  jobId: string;
  fence: number;
  seq: number;
  percent: number;
  message: string | null;
}

export interface StoredLogLine extends Omit<LogLine, 'atMs'> {
  at: Date;
}

/** A line that was said, with an MD5 in hex for its message. */
export interface SaidLine {
  level: LogLevel;
  digest: string;
  count: number;
}

/** A run that did not complete its job. */
export interface RunRow {
  fence: number;
  attempt: number;
  outcome: 'failed' | 'retrying' | 'cancelled' | 'worker_lost' | 'put_back' | 'waiting';
  worker: string | null;
  error: RecordedFailure | null;
  startedAt: Date | null;
  finishedAt: Date;
}

/** A run that people know as an attempt: not that of a pipeline which went on to wait for its steps. */
export type AttemptRow = RunRow & { outcome: Exclude<RunRow['outcome'], 'waiting'> };

/** What runs leave behind while they run: progress, log lines, and the history of attempts. */
export function createJournalStore(database: Database) {
  return {
    /** Stores lines of any number of runs. Lines of a job that was deleted meanwhile are dropped. */
    async addLogs(lines: readonly LogLine[]): Promise<void> {
      await database.query(ADD_LOGS, [JSON.stringify(lines)]);
    },

    /** Stores the newest progress of any number of runs; a run that is no longer the newest changes nothing. */
    async saveProgress(reports: readonly ProgressReport[]): Promise<void> {
      await database.query(SAVE_PROGRESS, [JSON.stringify(reports)]);
    },

    /** Lines in their order. The caller has checked that the job is the tenant's. */
    logs(jobId: string, after: { fence: number; seq: number }, limit: number): Promise<StoredLogLine[]> {
      return database.query<StoredLogLine>(
        `select job_id as "jobId", fence, seq, attempt, level, message, fields, at
         from longshore.job_logs
         where job_id = $1 and (fence, seq) > ($2, $3)
         order by fence, seq
         limit $4`,
        [jobId, after.fence, after.seq, limit],
      );
    },

    /** How often each line was said in the attempt that a job is in, by whichever of its runs. */
    said(jobId: string): Promise<SaidLine[]> {
      return database.query<SaidLine>(SAID, [jobId]);
    },

    /** Attempts that did not complete the job, oldest first. The caller has checked that the job is the tenant's. */
    attempts(jobId: string, afterFence: number, limit: number): Promise<AttemptRow[]> {
      return database.query<AttemptRow>(selectRuns(`and outcome <> 'waiting'`), [jobId, afterFence, limit]);
    },

    /** The same with the runs of a pipeline that went on to wait. */
    runs(jobId: string, afterFence: number, limit: number): Promise<RunRow[]> {
      return database.query<RunRow>(selectRuns(), [jobId, afterFence, limit]);
    },
  };
}

function selectRuns(condition = ''): string {
  return `
    select fence, attempt, outcome, worker, error, started_at as "startedAt", finished_at as "finishedAt"
    from longshore.job_attempts
    where job_id = $1 and fence > $2 ${condition}
    order by fence
    limit $3`;
}

/** The id of a log line as the API shows it: that of its event. */
export function logLineId(line: { fence: number; seq: number }): number {
  return eventIdOf(line.fence, line.seq);
}

// Both lock jobs by id, as everything does that changes several jobs: two statements never wait for each other. The lock
// keeps a job that is deleted at this moment from failing the lines of all others.
const ADD_LOGS = `
  with r as (
    select *
    from jsonb_to_recordset($1::jsonb) as r(
      "jobId" uuid, fence bigint, seq integer, attempt integer, level text, message text, fields jsonb, "atMs" float8)
  ),
  kept as (
    select j.id
    from longshore.jobs j
    where j.id in (select "jobId" from r)
    order by j.id
    for key share of j
  )
  insert into longshore.job_logs (job_id, fence, seq, attempt, level, message, fields, at)
  select r."jobId", r.fence, r.seq, r.attempt, r.level, r.message, r.fields, to_timestamp(r."atMs" / 1000.0)
  from r
  join kept on kept.id = r."jobId"
  on conflict do nothing`;

// A run that was suspended, put back or lost does not end an attempt.
const SAID = `
  select level, md5(message) as digest, count(*)::integer as count
  from longshore.job_logs
  where job_id = $1
    and fence > coalesce(
      (select max(fence) from longshore.job_attempts where job_id = $1 and outcome in ('failed', 'retrying', 'cancelled')),
      0)
  group by level, md5(message)`;

const SAVE_PROGRESS = `
  with r as (
    select * from jsonb_to_recordset($1::jsonb) as r("jobId" uuid, fence bigint, seq integer, percent real, message text)
  ),
  open as (
    select j.id
    from longshore.jobs j
    join r on r."jobId" = j.id and r.fence = j.fence
    where j.status = 'processing'
    order by j.id
    for update of j
  )
  update longshore.jobs j
  set progress_percent = r.percent,
    progress_message = r.message,
    progress_seq = r.seq
  from open
  join r on r."jobId" = open.id
  where j.id = open.id and j.fence = r.fence`;
