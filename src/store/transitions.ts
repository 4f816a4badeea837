import type { JobReason, JobStatus } from '../contract/job.ts';
import type { Database } from './database.ts';
import { RUNS_PER_DELIVERY, SEQ_WAITING } from './fence.ts';
import { type JobRow, jobColumns, type RecordedFailure } from './job-row.ts';
import { countStarts } from './key-starts.ts';
import { TERMINAL } from './statuses.ts';
import { NEW_ID, TOLD_OF_COMPLETIONS, wantsEventOf } from './subscriptions.ts';
import { IS_ALIVE } from './workers.ts';

/** What webhooks tell of an end, to be written together with its status: to the job's own webhook, and to subscriptions. */
export interface OutboxEntry {
  /** Of the delivery to the job's own webhook. */
  id: string;
  event: string;
  /** Where the job's own webhook is; null when it has none for this event. */
  url: string | null;
  body: string;
}

/** One guarded change of one job. It happens only when the job is as expected; else nothing does. */
export interface Transition {
  id: string;
  /** The statuses that the job may have now. */
  from: readonly JobStatus[];
  /** The run that the change belongs to, or null when any run may be replaced. */
  fence: number | null;
  /** How much of a pipeline must have been settled, no more and no less; left out when that does not matter. */
  wakes?: number;
  to: JobStatus;
  reason: JobReason | null;
  /** JSON text; only for `completed`. */
  output: string | null;
  error: RecordedFailure | null;
  /** When the job may start again; only for `retrying`, `scheduled` and `queued`. */
  delayMs: number | null;
  /** Whether a job that BullMQ holds waits in Postgres instead; one that is `queued` then waits for its turn again, too. */
  isParked: boolean;
  /** Groups failures of the same kind; only for `failed`. */
  fingerprint: string | null;
  /** 1 when the run does not count as an attempt. */
  attemptsBack: 0 | 1;
  /** How the run that ends here goes down in the history of attempts; null for one that completed. */
  outcome: 'failed' | 'retrying' | 'cancelled' | 'put_back' | 'waiting' | null;
  webhook: OutboxEntry | null;
}

/** The end of a run that nothing else follows from: the job belongs to no pipeline and nobody is to be told of it. */
export interface Completion {
  id: string;
  fence: number;
  /** JSON text. */
  output: string;
}

/** A BullMQ delivery that a worker is about to run. */
export interface Start {
  id: string;
  fence: number;
  worker: string;
  /** How long the window is that starts of the job's key are counted in; null where they are not. */
  windowMs?: number | null;
}

export interface Applied {
  id: string;
  fromStatus: JobStatus;
  status: JobStatus;
  queue: string;
  delivery: number;
  /** Whether BullMQ holds it, or did when it ended. */
  isHandedOver: boolean;
  worker: string | null;
  /** Whether webhooks are to be sent. */
  hasDeliveries: boolean;
}

export function createTransitionStore(database: Database) {
  return {
    /**
     * Applies changes with their attempts, webhook deliveries and news for pipelines in one statement (I2, I3, I4).
     * @returns those that happened; one that is missing lost to a newer run, a cancel or an end
     */
    apply(transitions: readonly Transition[]): Promise<Applied[]> {
      const values = transitions.map((item) => ({ ...item, output: undefined, outputJson: item.output }));
      return database.query<Applied>(APPLY, [JSON.stringify(values)]);
    },

    /**
     * The same as `apply` for runs that completed and that nothing else is written for: half the work of the server. A job of
     * a tenant that has subscribed to ends of jobs is left as it is, for `apply`.
     * @returns the ids of those that happened
     */
    async complete(completions: readonly Completion[]): Promise<string[]> {
      const rows = await database.query<{ id: string }>(COMPLETE, [
        completions.map((each) => each.id),
        completions.map((each) => each.fence),
        completions.map((each) => each.output),
      ]);
      return rows.map(({ id }) => id);
    },

    /**
     * Records that BullMQ deliveries, each of another job, start to run. A row that is still `processing` under an older fence
     * lost its worker: that run goes into the history and counts as a rescue, not as an attempt. The same start may be asked for
     * again, in case its answer was lost.
     * @returns the jobs, in no particular order. One is missing when there is nothing to run: it has ended or expired, is not due
     * yet, this delivery or run of it has been superseded, or another worker runs it and lives, whatever BullMQ takes it for
     * after an outage of Redis
     */
    async start(starts: readonly Start[]): Promise<JobRow[]> {
      // Where nothing is to be counted, nothing is paid for it.
      const isCounted = starts.some(({ windowMs }) => windowMs != null);
      const ask = (text: string, some: readonly Start[]) =>
        isCounted
          ? database.query<JobRow>(countingStarts(text === START ? START_COUNTED : text), [
              ...toColumns(some),
              toWindows(some),
            ])
          : database.query<JobRow>(text, toColumns(some));
      const started = await ask(START_QUEUED, starts);
      if (started.length === starts.length) return started;
      const ids = new Set(started.map(({ id }) => id));
      const others = starts.filter(({ id }) => !ids.has(id));
      return [...started, ...(await ask(START, others))];
    },

    /**
     * Takes a job back that a delivery was to start before its time, so that the record wakes it by its own clock.
     * @returns how long it waits, in milliseconds; undefined when that is not why it was not started
     */
    async parkEarly(id: string, fence: number): Promise<number | undefined> {
      const [row] = await database.query<{ ms: number }>(
        `update longshore.jobs
         set dispatched_at = null,
           delivery = delivery + 1
         where id = $1
           and status in ('scheduled', 'retrying')
           and run_at > now()
           and delivery = $2::bigint / ${RUNS_PER_DELIVERY}
           and fence < $2
         returning ceil(extract(epoch from run_at - now()) * 1000)::float8 as ms`,
        [id, fence],
      );
      return row?.ms;
    },
  };
}

function toColumns(starts: readonly Start[]): unknown[][] {
  // In the order in which everything locks jobs.
  const ordered = starts.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  return [ordered.map((each) => each.id), ordered.map((each) => each.fence), ordered.map((each) => each.worker)];
}

function toWindows(starts: readonly Start[]): unknown[] {
  return starts.toSorted((one, other) => (one.id < other.id ? -1 : 1)).map(({ windowMs }) => windowMs ?? null);
}

/** The statement with a count of what it started, in the same commit. */
function countingStarts(text: string): string {
  const windows = 'join unnest($1::uuid[], $4::bigint[]) as given(id, window_ms) on given.id = s.id';
  return `with started as (${text}), ${countStarts('started', windows)} select * from started`;
}

/** BullMQ wakes delayed jobs by the clocks of its workers, which may be a little apart. */
const EARLY_TOLERANCE_MS = 1000;

const APPLY = `
  with t as (
    select * from jsonb_to_recordset($1::jsonb) as t(
      id uuid, "from" text[], fence bigint, wakes integer, "to" text, reason text, "outputJson" text, error jsonb, "delayMs" bigint,
      "isParked" boolean, fingerprint text, "attemptsBack" integer, outcome text, webhook jsonb)
  ),
  before as (
    select j.id, j.status, j.attempt, greatest(j.started_at, j.suspended_at) as run_started_at
    from longshore.jobs j
    join t on t.id = j.id
    where j.status = any(t."from")
      and (t.fence is null or j.fence = t.fence)
      and (t.wakes is null or j.wakes = t.wakes)
    order by j.id
    for update of j
  ),
  changed as (
    update longshore.jobs j
    set status = t."to",
      reason = t.reason,
      output = t."outputJson"::jsonb,
      error = coalesce(t.error, j.error),
      fingerprint = t.fingerprint,
      dispatched_at = case when not t."isParked" then j.dispatched_at end,
      gate = case
        when j.concurrency_key is null or t."to" in ${TERMINAL} then null
        when t."to" in ('scheduled', 'retrying', 'waiting') or (t."to" = 'queued' and t."isParked") then 'concurrency_key'
        else j.gate
      end,
      attempt = j.attempt - t."attemptsBack",
      rescues = case when t."to" = 'waiting' then 0 else j.rescues end,
      progress_percent = case when t."to" = 'completed' then 100 else j.progress_percent end,
      progress_seq = case when t."to" = 'waiting' then ${SEQ_WAITING} else j.progress_seq end,
      suspended_at = case when t."to" = 'waiting' then now() else j.suspended_at end,
      run_at = case when t."delayMs" is null then j.run_at else now() + t."delayMs" * interval '1 millisecond' end,
      finished_at = case when t."to" in ${TERMINAL} then now() end
    from t
    join before on before.id = t.id
    where j.id = t.id
    returning j.id, j.tenant, j.type, before.status as "fromStatus", j.status, j.queue, j.delivery,
      j.dispatched_at is not null as "isHandedOver", j.worker, j.fence, before.run_started_at, before.attempt, j.parent_id,
      j.step_key, j.steps
  ),
  news as (
    insert into longshore.pipeline_news (pipeline_id, step_key, job_id)
    select c.parent_id, c.step_key, c.id
    from changed c
    where c.step_key is not null and c.status in ${TERMINAL}
    union all
    select c.id, null, null
    from changed c
    where c.steps > 0 and c.status in ${TERMINAL}
  ),
  history as (
    insert into longshore.job_attempts (job_id, fence, attempt, outcome, worker, error, started_at)
    select c.id, c.fence, c.attempt, t.outcome, c.worker, t.error, c.run_started_at
    from changed c
    join t on t.id = c.id
    where t.outcome is not null and c."fromStatus" = 'processing'
    on conflict (job_id, fence) do nothing
  ),
  told as (
    select j.id, j.tenant, j.type, t.webhook ->> 'event' as event, t.webhook
    from changed j
    join t on t.id = j.id
    where jsonb_typeof(t.webhook) = 'object'
  ),
  outbox as (
    insert into longshore.webhook_deliveries (id, job_id, subscription_id, event, url, body)
    select (j.webhook ->> 'id')::uuid, j.id, null, j.event, j.webhook ->> 'url', j.webhook ->> 'body'
    from told j
    where j.webhook ->> 'url' is not null
    union all
    select ${NEW_ID}, j.id, s.id, j.event, s.url, j.webhook ->> 'body'
    from told j
    join longshore.webhook_subscriptions s on ${wantsEventOf('j.event')}
    returning job_id
  )
  select id, "fromStatus", status, queue, delivery, "isHandedOver", worker,
    id in (select job_id from outbox) as "hasDeliveries"
  from changed`;

// Here and in START: `coalesce` keeps the planner from the indexes of jobs that run or wait. Those hold a backlog of any length, and
// until the next vacuum all that have ended; the primary key finds each job at the same price. Subscriptions are looked
// for here and not in a cache: a job that was enqueued after the 201 of a subscription must be told (I4).
const COMPLETE = `
  with ended as (
    select j.id, t.output
    from unnest($1::uuid[], $2::bigint[], $3::jsonb[]) as t(id, fence, output)
    join longshore.jobs j on j.id = t.id
    where j.fence = t.fence and coalesce(j.status, '') = 'processing'
      and j.tenant not in (${TOLD_OF_COMPLETIONS})
    order by j.id
    for update of j
  )
  update longshore.jobs j
  set status = 'completed',
    reason = null,
    output = ended.output,
    progress_percent = 100,
    finished_at = now()
  from ended
  where j.id = ended.id
  returning j.id`;

const IS_ALIVE_OF_JOB = `select ${IS_ALIVE} from longshore.workers where id = j.worker`;

const SET_STARTED = `
    worker = s.worker,
    reason = null,
    progress_percent = case when j.suspended_at is null then 0 else j.progress_percent end,
    progress_message = null,
    progress_seq = 0,
    dispatched_at = coalesce(j.dispatched_at, now()),
    started_at = case when j.suspended_at is null then now() else j.started_at end,
    suspended_at = case when j.suspended_at is not null then now() end`;

// Nearly every start: the job waits in its queue, and nothing is known of another run. At a third of the price of START. Before there
// are statistics the planner takes "gate is null" for one job in 200 and compares each job with each run: hence "not in".
const START_QUEUED = `
  update longshore.jobs j
  set status = 'processing',
    fence = s.fence,
    attempt = j.attempt + 1,${SET_STARTED}
  from unnest($1::uuid[], $2::bigint[], $3::text[]) as s(id, fence, worker)
  where j.id = s.id
    and coalesce(j.status, '') = 'queued'
    and j.delivery = s.fence / ${RUNS_PER_DELIVERY}
    and j.fence < s.fence
    and coalesce(j.gate, '') not in ('concurrency_key', 'rate_limit')
    and (j.expires_at is null or j.expires_at > now() or j.started_at is not null)
  returning ${jobColumns('j')}`;

const START = startAny('');
// A run that was lost would start beyond what the window of its key allows: the leader puts it back, to wait for its turn.
const START_COUNTED = startAny(`and (j.status <> 'processing' or j.fence = s.fence or j.concurrency_key is null)`);

/** @param more a condition */
function startAny(more: string): string {
  return `
  with before as (
    select j.id, j.status, j.fence as old_fence, j.worker as old_worker, j.attempt,
      greatest(j.started_at, j.suspended_at) as run_started_at, s.fence, s.worker
    from unnest($1::uuid[], $2::bigint[], $3::text[]) as s(id, fence, worker)
    join longshore.jobs j on j.id = s.id
    where coalesce(j.status, '') in ('scheduled', 'queued', 'retrying', 'processing')
      and j.delivery = s.fence / ${RUNS_PER_DELIVERY}
      and (j.status not in ('scheduled', 'retrying') or j.run_at <= now() + interval '${EARLY_TOLERANCE_MS} milliseconds')
      and j.gate is null
      and (j.fence < s.fence or (j.fence = s.fence and j.worker = s.worker and j.status = 'processing'))
      and (j.expires_at is null or j.expires_at > now() or j.started_at is not null)
      and (j.status <> 'processing' or j.worker = s.worker or (${IS_ALIVE_OF_JOB}) is not true)
      ${more}
    order by j.id
    for update of j
  ),
  lost as (
    insert into longshore.job_attempts (job_id, fence, attempt, outcome, worker, started_at)
    select b.id, b.old_fence, b.attempt, 'worker_lost', b.old_worker, b.run_started_at
    from before b
    where b.status = 'processing' and b.old_fence < b.fence
    on conflict (job_id, fence) do nothing
  )
  update longshore.jobs j
  set status = 'processing',
    fence = s.fence,
    attempt = j.attempt + case when s.status = 'processing' then 0 else 1 end,
    rescues = j.rescues + case when s.status = 'processing' and s.old_fence < s.fence then 1 else 0 end,${SET_STARTED}
  from before s
  where j.id = s.id
  returning ${jobColumns('j')}`;
}
