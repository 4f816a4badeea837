import type { WebhookOptions } from '../contract/enqueue.ts';
import type { JobFilter } from '../contract/filter.ts';
import type { Backoff } from '../shared/backoff.ts';
import { writeDespiteOthers } from './contention.ts';
import type { Database } from './database.ts';
import { type JobRow, jobColumns } from './job-row.ts';
import { type TenantScope, tenantOf } from './scope.ts';
import { type Found, searchJobs } from './search.ts';
import { TERMINAL } from './statuses.ts';

/** A job to be recorded; its input has been validated. */
export interface NewJob {
  id: string;
  tenant: string;
  type: string;
  queue: string;
  priority: number;
  tags: string[];
  metadata: Record<string, unknown>;
  input: unknown;
  maxAttempts: number;
  backoff: Backoff | null;
  timeoutMs: number;
  webhook: WebhookOptions | null;
  parentId: string | null;
  /** The step of the parent that it belongs to, and its place among the jobs of that step. */
  stepKey: string | null;
  stepIndex: number | null;
  /** Whether it waits for its turn among the jobs of its step. */
  isHeldBack: boolean;
  scheduleId: string | null;
  batchId: string | null;
  /** Jobs of one key in a queue wait for each other; such a job is recorded with its gate closed. */
  concurrencyKey: string | null;
  /** While a job of the tenant and type with this key has not ended, no other is recorded. */
  deduplicationKey: string | null;
  /** The id that another BullMQ producer gave it; null for our own. */
  foreignId: string | null;
  /** Milliseconds from the commit, or a time; neither means at once. */
  delayMs: number | null;
  runAt: string | null;
  /** How long after it is due the job may still start. */
  ttlMs: number | null;
  /** Whether the caller hands the job to BullMQ as soon as it is committed and due. */
  isHandedOver: boolean;
}

/** What makes a job the same as another one. */
type KeyedJob = Pick<NewJob, 'id' | 'tenant' | 'type' | 'deduplicationKey'>;

/** One run of one job. */
export interface RunKey {
  id: string;
  fence: number;
}

/** A page of fewer jobs than were asked for is given when so many were looked at: some 50 ms. */
const LIST_LOOKS_AT = 32_768;

export function createJobStore(database: Database) {
  return {
    /**
     * Records jobs in one statement. A job is left out when its id is there already, one that has not ended holds its
     * deduplication key, or its batch is not an open one of its tenant.
     * @returns the rows that are new, in no particular order
     */
    insert(jobs: readonly NewJob[]): Promise<JobRow[]> {
      return insertEncoded(database, jobs.map(encodeJob));
    },

    /** The same for jobs that have been encoded already. */
    insertEncoded(jobs: readonly EncodedJob[]): Promise<JobRow[]> {
      return insertEncoded(database, jobs);
    },

    /**
     * Finds what keeps jobs from being recorded: each one itself, recorded before, or else the unfinished job that holds
     * its deduplication key. Walks the primary key and `jobs_deduplication`.
     * @returns none for a job that nothing keeps any more; `wantedId` is the id of the job that was to be recorded
     */
    findPresent(jobs: readonly KeyedJob[]): Promise<(JobRow & { wantedId: string })[]> {
      return database.query<JobRow & { wantedId: string }>(FIND_PRESENT, [
        jobs.map((job) => job.id),
        jobs.map((job) => job.tenant),
        jobs.map((job) => job.type),
        jobs.map((job) => job.deduplicationKey),
      ]);
    },

    async get(scope: TenantScope, id: string): Promise<JobRow | undefined> {
      const rows = await database.query<JobRow>(
        `select ${jobColumns('j')} from longshore.jobs j where j.id = $1 and ($2::text is null or j.tenant = $2)`,
        [id, tenantOf(scope)],
      );
      return rows[0];
    },

    /** Newest first, by keyset on the id. */
    list(scope: TenantScope, filter: JobFilter, limit: number, beforeId: string | null): Promise<Found<JobRow>> {
      const columns = jobColumns('j');
      return searchJobs<JobRow>(database, { scope, filter, columns, limit, beforeId, maxLooked: LIST_LOOKS_AT });
    },

    /** A number that differs whenever something happened to a job, for those who wait for it. */
    async versions(ids: readonly string[]): Promise<Map<string, string>> {
      const rows = await database.query<{ id: string; version: string }>(
        `select id, status || ':' || fence || ':' || progress_seq as version from longshore.jobs where id = any($1::uuid[])`,
        [ids],
      );
      return new Map(rows.map((row) => [row.id, row.version]));
    },

    /** @returns those of the runs that are still the newest of their job and not ended */
    findOpenRuns(runs: readonly RunKey[]): Promise<RunKey[]> {
      return database.query<RunKey>(
        `select j.id, j.fence
         from longshore.jobs j
         join unnest($1::uuid[], $2::bigint[]) as r(id, fence) on r.id = j.id and r.fence = j.fence
         where j.status = 'processing'`,
        [runs.map((run) => run.id), runs.map((run) => run.fence)],
      );
    },

    /** Keeps a handler's state across attempts. @returns false when the run is no longer the newest */
    async saveCheckpoint(id: string, fence: number, stateJson: string): Promise<boolean> {
      const rows = await database.query(
        `update longshore.jobs set checkpoint = $3::jsonb where id = $1 and fence = $2 and status = 'processing' returning id`,
        [id, fence, stateJson],
      );
      return rows.length === 1;
    },
  };
}

async function insertEncoded(database: Database, encoded: readonly EncodedJob[]): Promise<JobRow[]> {
  // In one order everywhere: two statements that want the same keys must not wait for each other.
  const ordered = encoded.toSorted((one, other) => compareKeys(one.job, other.job));
  const json = `[${ordered.map((each) => each.json).join(',')}]`;
  const batchIds = [...new Set(ordered.flatMap(({ job }) => job.batchId ?? []))];
  const recorded = await writeDespiteOthers(() =>
    batchIds.length === 0
      ? database.query<RecordedJob>(INSERT, [json])
      : database.query<RecordedJob>(INSERT_IN_BATCHES, [json, batchIds]),
  );
  const jobs = new Map(ordered.map(({ job }) => [job.id, job]));
  return recorded.flatMap((row) => {
    const job = jobs.get(row.id);
    return job ? [toJobRow(job, row)] : [];
  });
}

/** Jobs without a deduplication key first: only their ids can meet others. */
function compareKeys(one: NewJob, other: NewJob): number {
  return (
    compareText(one.deduplicationKey ?? '', other.deduplicationKey ?? '') ||
    compareText(one.tenant, other.tenant) ||
    compareText(one.type, other.type) ||
    compareText(one.id, other.id)
  );
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** A job with the text that the record takes of it. */
export interface EncodedJob {
  job: NewJob;
  json: string;
}

export function encodeJob(job: NewJob): EncodedJob {
  return { job, json: JSON.stringify(job) };
}

/** What the record alone knows of a job that was inserted. */
type RecordedJob = Pick<JobRow, 'id' | 'status' | 'createdAt' | 'runAt' | 'dispatchedAt' | 'expiresAt'>;

/** The row of a job that was just recorded: what the insert did not set is as `schema.ts` says. */
function toJobRow(job: NewJob, recorded: RecordedJob): JobRow {
  const { isHeldBack: _isHeldBack, isHandedOver: _isHandedOver, delayMs: _delayMs, ttlMs: _ttlMs, ...columns } = job;
  const gate = job.concurrencyKey === null ? null : 'concurrency_key';
  return { ...NEVER_RUN, gate, ...columns, ...recorded };
}

/** A job that has not run. */
const NEVER_RUN = {
  reason: null,
  output: null,
  error: null,
  progressPercent: 0,
  progressMessage: null,
  progressSeq: 0,
  checkpoint: null,
  attempt: 0,
  rescues: 0,
  fence: 0,
  delivery: 1,
  fingerprint: null,
  worker: null,
  steps: 0,
  wakes: 0,
  suspendedAt: null,
  startedAt: null,
  finishedAt: null,
} as const satisfies Partial<JobRow>;

const FIND_PRESENT = `
  select distinct on (r.id) r.id as "wantedId", ${jobColumns('j')}
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as r(id, tenant, type, deduplication_key)
  cross join lateral (
    select *
    from longshore.jobs
    where id = r.id and tenant = r.tenant
    union all
    select *
    from longshore.jobs
    where tenant = r.tenant
      and type = r.type
      and deduplication_key = r.deduplication_key
      and status not in ${TERMINAL}
  ) j
  order by r.id, j.id = r.id desc`;

// A JSON null in the array arrives as an SQL null.
const insertWhere = (condition: string) => `
  insert into longshore.jobs as j
    (id, tenant, type, queue, status, priority, tags, metadata, input, max_attempts, backoff, timeout_ms, webhook, parent_id,
     step_key, step_index, deduplication_key, foreign_id, schedule_id, batch_id, concurrency_key, gate, run_at, dispatched_at,
     expires_at)
  select r.id, r.tenant, r.type, r.queue,
    case when r."isHeldBack" then 'waiting' when due.at > now() then 'scheduled' else 'queued' end,
    r.priority, r.tags, r.metadata, coalesce(r.input, 'null'), r."maxAttempts", r.backoff, r."timeoutMs", r.webhook, r."parentId",
    r."stepKey", r."stepIndex", r."deduplicationKey", r."foreignId", r."scheduleId", r."batchId", r."concurrencyKey",
    case when r."concurrencyKey" is not null then 'concurrency_key' end, due.at,
    case when r."isHandedOver" and not r."isHeldBack" and due.at <= now() then now() end,
    due.at + r."ttlMs" * interval '1 millisecond'
  from jsonb_to_recordset($1::jsonb) as r(
    id uuid, tenant text, type text, queue text, priority smallint, tags text[], metadata jsonb, input jsonb, "maxAttempts" integer,
    backoff jsonb, "timeoutMs" bigint, webhook jsonb, "parentId" uuid, "stepKey" text, "stepIndex" integer, "isHeldBack" boolean, "deduplicationKey" text, "foreignId" text,
    "scheduleId" uuid, "batchId" uuid, "concurrencyKey" text, "delayMs" bigint, "runAt" timestamptz, "ttlMs" bigint,
    "isHandedOver" boolean)
  cross join lateral (
    select coalesce(r."runAt", now() + coalesce(r."delayMs", 0) * interval '1 millisecond') as at
  ) due
  where ${condition}
  on conflict do nothing
  returning j.id, j.status, j.created_at as "createdAt", j.run_at as "runAt", j.dispatched_at as "dispatchedAt",
    j.expires_at as "expiresAt"`;

const INSERT = insertWhere('r."batchId" is null');
// The lock keeps a batch open until the jobs are committed.
const INSERT_IN_BATCHES = `
  with open_batches as (
    select b.id, b.tenant
    from longshore.batches b
    where b.id = any($2::uuid[]) and b.closed_at is null
    order by b.id
    for key share
  )
  ${insertWhere('r."batchId" is null or (r."batchId", r.tenant) in (select id, tenant from open_batches)')}`;
