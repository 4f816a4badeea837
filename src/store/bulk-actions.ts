import { type BulkActionName, type BulkActionStatus, MATCHED_MAX } from '../contract/bulk-actions.ts';
import type { JobFilter } from '../contract/filter.ts';
import type { JobStatus } from '../contract/job.ts';
import type { Database } from './database.ts';
import { chooseStatuses, createParameters, matchJobs } from './job-filter.ts';
import { type JobHead, jobHeadColumns } from './job-row.ts';
import type { RemovedJob } from './retention.ts';
import { type TenantScope, tenantOf } from './scope.ts';
import { searchJobs } from './search.ts';

export interface BulkActionRow {
  id: string;
  /** Whose jobs; null for those of all tenants. */
  tenant: string | null;
  action: BulkActionName;
  /** As it was asked for. */
  filter: unknown;
  status: BulkActionStatus;
  matched: number;
  matchedIsCapped: boolean;
  processed: number;
  changed: number;
  cursor: string | null;
  error: string | null;
  createdAt: Date;
  finishedAt: Date | null;
}

export type NewBulkAction = Pick<BulkActionRow, 'id' | 'tenant' | 'action' | 'filter'> & Matches;
export type Matches = Pick<BulkActionRow, 'matched' | 'matchedIsCapped'>;

/** A filter without an index may read the whole record to find a batch, and a job may have a million log lines. */
const BATCH_TIMEOUT_MS = 600_000;

/** Counting ends when so many jobs were looked at, too: some 200 ms. */
const COUNT_LOOKS_AT = 131_072;

/** What a batch has come to. */
export interface BatchProgress {
  processed: number;
  changed: number;
  /** The last job that was looked at; null when there was none. */
  cursor: string | null;
  isLast: boolean;
}

/** Actions on many jobs. A batch and its progress are one transaction, so that a crash repeats neither. */
export function createBulkActionStore(database: Database) {
  return {
    /** How many jobs a filter means, of those with one of these statuses; at least so many if it is capped. */
    async count(scope: TenantScope, filter: JobFilter, statuses: readonly JobStatus[]): Promise<Matches> {
      const status = (chooseStatuses(filter) ?? [...statuses]).filter((one) => statuses.includes(one));
      const { rows, nextBeforeId } = await searchJobs<{ id: string }>(database, {
        ...{ scope, filter: { ...filter, status }, columns: 'j.id', beforeId: null },
        ...{ limit: MATCHED_MAX, maxLooked: COUNT_LOOKS_AT },
      });
      return { matched: rows.length, matchedIsCapped: nextBeforeId !== null };
    },

    /** @returns undefined when there is an action of that id */
    async insert({
      id,
      tenant,
      action,
      filter,
      matched,
      matchedIsCapped,
    }: NewBulkAction): Promise<BulkActionRow | undefined> {
      const [row] = await database.query<BulkActionRow>(
        `insert into longshore.bulk_actions as b (id, tenant, action, filter, matched, matched_is_capped)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (id) do nothing
         returning ${COLUMNS}`,
        [id, tenant, action, JSON.stringify(filter), matched, matchedIsCapped],
      );
      return row;
    },

    async get(scope: TenantScope, id: string): Promise<BulkActionRow | undefined> {
      const [row] = await database.query<BulkActionRow>(
        `select ${COLUMNS}
         from longshore.bulk_actions b
         where b.id = $1 and ($2::text is null or b.tenant = $2)`,
        [id, tenantOf(scope)],
      );
      return row;
    },

    /** Newest first. */
    list(scope: TenantScope, limit: number, beforeId: string | null): Promise<BulkActionRow[]> {
      return database.query<BulkActionRow>(
        `select ${COLUMNS}
         from longshore.bulk_actions b
         where ($1::text is null or b.tenant = $1) and ($2::uuid is null or b.id < $2)
         order by b.id desc
         limit $3`,
        [tenantOf(scope), beforeId, limit],
      );
    },

    /** Ends an action before its time; a batch that is under way is finished first. @returns undefined when it has ended */
    async abort(scope: TenantScope, id: string): Promise<BulkActionRow | undefined> {
      const [row] = await database.query<BulkActionRow>(
        `update longshore.bulk_actions b
         set status = 'aborted',
           finished_at = now()
         where b.id = $1 and b.status = 'running' and ($2::text is null or b.tenant = $2)
         returning ${COLUMNS}`,
        [id, tenantOf(scope)],
      );
      return row;
    },

    /** Takes the running action that has done least so far, for this transaction. One that another process has is skipped. */
    async lockNext(): Promise<BulkActionRow | undefined> {
      const [row] = await database.query<BulkActionRow>(
        `select ${COLUMNS}
         from longshore.bulk_actions b
         where b.status = 'running'
         order by b.processed, b.created_at
         limit 1
         for update skip locked`,
      );
      return row;
    },

    /** The next jobs of an action, by id; jobs that are newer than the action are none of its business. */
    nextJobs(
      action: BulkActionRow,
      filter: JobFilter,
      statuses: readonly JobStatus[],
      limit: number,
    ): Promise<JobHead[]> {
      const { values, bind } = createParameters();
      const scope = action.tenant === null ? 'all' : { tenant: action.tenant };
      return database.query<JobHead>(
        `select ${jobHeadColumns('j')}
         from longshore.jobs j
         where j.status = any(${bind(statuses)})
           and j.created_at <= (select created_at from longshore.bulk_actions where id = ${bind(action.id)})
           and ${matchJobs(scope, filter, bind)}
           ${action.cursor === null ? '' : `and j.id > ${bind(action.cursor)}`}
         order by j.id
         limit ${bind(limit)}`,
        values,
        { timeoutMs: BATCH_TIMEOUT_MS },
      );
    },

    /**
     * Removes ended jobs with everything that belongs to them, the steps of pipelines included. A step alone is left out while
     * its pipeline may still read its result: until that has completed.
     * @returns them
     */
    deleteJobs(ids: readonly string[], statuses: readonly JobStatus[]): Promise<RemovedJob[]> {
      return database.query<RemovedJob>(DELETE, [ids, statuses], { timeoutMs: BATCH_TIMEOUT_MS });
    },

    async advance(id: string, { processed, changed, cursor, isLast }: BatchProgress): Promise<void> {
      await database.query(
        `update longshore.bulk_actions
         set processed = processed + $2,
           changed = changed + $3,
           cursor = coalesce($4, cursor),
           status = case when $5 then 'completed' else status end,
           finished_at = case when $5 then now() end
         where id = $1`,
        [id, processed, changed, cursor, isLast],
      );
    },

    async fail(id: string, error: string): Promise<void> {
      await database.query(
        `update longshore.bulk_actions
         set status = 'failed',
           error = $2,
           finished_at = now()
         where id = $1 and status = 'running'`,
        [id, error],
      );
    },
  };
}

const DELETE = `
  with recursive ended as (
    select j.id
    from longshore.jobs j
    where j.id = any($1::uuid[])
      and j.status = any($2)
      and (j.step_key is null or not exists (
        select 1 from longshore.jobs p where p.id = j.parent_id and p.status <> 'completed' and p.id <> all($1::uuid[])))
    order by j.id
    for update
  ),
  doomed as (
    select id from ended
    union
    select c.id
    from doomed
    join longshore.jobs c on c.parent_id = doomed.id and c.step_key is not null and c.status = any($2)
  )
  delete from longshore.jobs j
  using doomed
  where j.id = doomed.id
  returning j.id, j.tenant`;

const COLUMNS = `b.id, b.tenant, b.action, b.filter, b.status, b.matched,
  b.matched_is_capped as "matchedIsCapped", b.processed, b.changed, b.cursor, b.error,
  b.created_at as "createdAt", b.finished_at as "finishedAt"`;
