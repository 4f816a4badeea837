import type { WebhookOptions } from '../contract/enqueue.ts';
import type { Database } from './database.ts';
import type { NewJob } from './jobs.ts';
import { type TenantScope, tenantOf } from './scope.ts';

/** How many jobs of a batch have ended how. */
export interface BatchCounts {
  total: number;
  completed: number;
  failed: number;
  cancelled: number;
  expired: number;
}

/** What is recorded when a batch has ended: a job that was checked before, but for its id and tenant. */
export type CompletionJob = Omit<NewJob, 'id' | 'tenant' | 'isHandedOver'>;

export interface BatchRow extends BatchCounts {
  id: string;
  tenant: string;
  name: string | null;
  metadata: Record<string, unknown>;
  webhook: { url: WebhookOptions['url'] } | null;
  onComplete: CompletionJob | null;
  onCompleteJobId: string | null;
  createdAt: Date;
  closedAt: Date | null;
  finishedAt: Date | null;
}

export type NewBatch = Pick<BatchRow, 'id' | 'tenant' | 'name' | 'metadata' | 'webhook' | 'onComplete'>;

/** What one look at the news came to. */
export interface Folded {
  /** Whether another process is at it. */
  isBusy: boolean;
  /** Whether there may be more news. */
  isFull: boolean;
  /** Batches that have ended by it. */
  finished: BatchRow[];
}

/** Jobs that belong together, and their counts: what was folded into the row, and the news beyond it. */
export function createBatchStore(database: Database) {
  return {
    /** @returns whether it is new: its id may be there already */
    async insert({ id, tenant, name, metadata, webhook, onComplete }: NewBatch): Promise<boolean> {
      const rows = await database.query(
        `insert into longshore.batches (id, tenant, name, metadata, webhook, on_complete)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (id) do nothing
         returning id`,
        [id, tenant, name, JSON.stringify(metadata), toJson(webhook), toJson(onComplete)],
      );
      return rows.length === 1;
    },

    async get(scope: TenantScope, id: string): Promise<BatchRow | undefined> {
      const [row] = await database.query<BatchRow>(
        `${SELECT} where b.id = $1 and ($2::text is null or b.tenant = $2)`,
        [id, tenantOf(scope)],
      );
      return row;
    },

    /** Newest first. Walks `batches_tenant` or the primary key. */
    list(scope: TenantScope, limit: number, beforeId: string | null): Promise<BatchRow[]> {
      return database.query<BatchRow>(
        `${SELECT}
         where ($1::text is null or b.tenant = $1) and ($2::uuid is null or b.id < $2)
         order by b.id desc
         limit $3`,
        [tenantOf(scope), beforeId, limit],
      );
    },

    /** Those of these batches that jobs may join. */
    async findOpen(ids: readonly string[]): Promise<{ id: string; tenant: string }[]> {
      return database.query(
        `select b.id, b.tenant from longshore.batches b where b.id = any($1::uuid[]) and b.closed_at is null`,
        [ids],
      );
    },

    /**
     * Lets no more jobs join. Waits for those that are about to: an insert holds the row (`for key share`) until it is committed,
     * so whoever sees the batch closed sees the news of all of its jobs.
     */
    async close(scope: TenantScope, id: string): Promise<void> {
      await database.query(CLOSE, [id, tenantOf(scope)]);
    },

    /** Whether there are news: a glance. */
    async hasNews(): Promise<boolean> {
      const [row] = await database.query<{ found: boolean }>(
        'select (select id from longshore.batch_news order by id limit 1) is not null as found',
      );
      return row?.found ?? false;
    },

    /** Takes news into the counts, oldest first, and finds the batches that have ended by that. For a transaction. */
    async fold(limit: number): Promise<Folded> {
      const [lock] = await database.query<{ taken: boolean }>(
        `select pg_try_advisory_xact_lock(hashtext('longshore.batches'), 0) as taken`,
      );
      if (!lock?.taken) return { isBusy: true, isFull: false, finished: [] };
      const folded = await database.query<{ batchId: string; news: number }>(FOLD, [limit]);
      const isFull = folded.reduce((sum, { news }) => sum + news, 0) === limit;
      const finished = await database.query<BatchRow>(FINISH, [folded.map(({ batchId }) => batchId)]);
      return { isBusy: false, isFull, finished };
    },

    /** Keeps what a batch owes when it has ended. In the transaction that ended it. */
    async settleEnd(id: string, onCompleteJobId: string | null): Promise<void> {
      await database.query('update longshore.batches set on_complete_job_id = $2 where id = $1', [id, onCompleteJobId]);
    },

    /** Removes batches that ended so long ago, but none whose webhook is still to be sent. @returns how many */
    async removeFinished(days: number, limit: number): Promise<number> {
      return (await database.query(REMOVE, [days, limit])).length;
    },
  };
}

function toJson(value: object | null): string | null {
  return value && JSON.stringify(value);
}

const COLUMNS = `b.id, b.tenant, b.name, b.metadata, b.webhook, b.on_complete as "onComplete",
  b.on_complete_job_id as "onCompleteJobId", b.created_at as "createdAt", b.closed_at as "closedAt",
  b.finished_at as "finishedAt"`;

// One snapshot: what has been folded is not in the news any more. Walks `batch_news_batch`.
const SELECT = `
  select ${COLUMNS}, b.total + news.total as total, b.completed + news.completed as completed, b.failed + news.failed as failed,
    b.cancelled + news.cancelled as cancelled, b.expired + news.expired as expired
  from longshore.batches b
  cross join lateral (
    select ${sumOfEach('n')}
    from longshore.batch_news n
    where n.batch_id = b.id
  ) news`;

// The news makes the look that ends a batch which has no jobs, or none that is still to end.
const CLOSE = `
  with closed as (
    update longshore.batches b
    set closed_at = now()
    where b.id = (
        select id
        from longshore.batches
        where id = $1 and ($2::text is null or tenant = $2) and closed_at is null
        for update)
    returning b.id
  )
  insert into longshore.batch_news (batch_id, event, count)
  select id, 'closed', 0
  from closed`;

const FOLD = `
  with taken as (
    delete from longshore.batch_news n
    where n.id in (select id from longshore.batch_news order by id limit $1)
    returning n.batch_id, n.event, n.count
  ),
  sums as (
    select n.batch_id, count(*)::integer as news, ${sumOfEach('n')}
    from taken n
    group by n.batch_id
  ),
  locked as (
    select b.id
    from longshore.batches b
    where b.id in (select batch_id from sums)
    order by b.id
    for no key update
  ),
  changed as (
    update longshore.batches b
    set total = b.total + sums.total,
      completed = b.completed + sums.completed,
      failed = b.failed + sums.failed,
      cancelled = b.cancelled + sums.cancelled,
      expired = b.expired + sums.expired
    from sums
    join locked on locked.id = sums.batch_id
    where b.id = sums.batch_id
  )
  select batch_id as "batchId", news from sums`;

// A statement of its own: its snapshot has the news of whatever was committed before the batch was seen to be closed.
const FINISH = `
  update longshore.batches b
  set finished_at = now()
  where b.id = any($1::uuid[])
    and b.closed_at is not null
    and b.finished_at is null
    and b.total = b.completed + b.failed + b.cancelled + b.expired
    and not exists (select 1 from longshore.batch_news n where n.batch_id = b.id)
  returning ${COLUMNS}, b.total, b.completed, b.failed, b.cancelled, b.expired`;

const REMOVE = `
  with old as (
    select b.id
    from longshore.batches b
    where b.finished_at < now() - $1::integer * interval '1 day'
      and not exists (
        select 1 from longshore.webhook_deliveries d where d.batch_id = b.id and d.status = 'pending')
      and not exists (select 1 from longshore.jobs j where j.batch_id = b.id)
    limit $2
    for update skip locked
  ),
  deliveries as (
    delete from longshore.webhook_deliveries d
    using old
    where d.batch_id = old.id
  )
  delete from longshore.batches b
  using old
  where b.id = old.id
  returning b.id`;

function sumOfEach(alias: string): string {
  const sumOf = (event: string) =>
    `coalesce(sum(${alias}.count) filter (where ${alias}.event = '${event}'), 0)::integer`;
  return `${sumOf('joined')} as total, ${sumOf('completed')} as completed, ${sumOf('failed')} as failed,
    ${sumOf('cancelled')} as cancelled, ${sumOf('expired')} as expired`;
}
