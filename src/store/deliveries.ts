import type { DeliveryStatus } from '../contract/webhooks.ts';
import type { Database } from './database.ts';
import { type TenantScope, tenantOf } from './scope.ts';
import { NEW_ID } from './subscriptions.ts';

export interface DueDelivery {
  id: string;
  /** Null for what a batch tells. */
  jobId: string | null;
  batchId: string | null;
  event: string;
  url: string;
  body: string;
  /** Tries that came before. */
  tries: number;
  /** Until when the sender has it, as PostgreSQL writes it: names this try. */
  lease: string;
}

export interface BatchDelivery {
  id: string;
  batchId: string;
  /** Whose batch: its subscriptions are told too. */
  tenant: string;
  event: string;
  /** Of the webhook of the batch itself; null when it has none. */
  url: string | null;
  body: string;
}

export interface StoredDelivery {
  id: string;
  /** One of the two is set: whose end it tells of. */
  jobId: string | null;
  batchId: string | null;
  /** Null when it is owed to the webhook of the job or batch itself. */
  subscriptionId: string | null;
  event: string;
  url: string;
  status: DeliveryStatus;
  tries: number;
  nextTryAt: Date | null;
  lastStatusCode: number | null;
  lastError: string | null;
  createdAt: Date;
  deliveredAt: Date | null;
}

/** What a try came to; `retryInMs` is null when there is nothing more to try. */
export interface TryResult {
  id: string;
  status: DeliveryStatus;
  statusCode: number | null;
  error: string | null;
  retryInMs: number | null;
}

export interface DeliveryFilter {
  status?: DeliveryStatus | undefined;
  subscriptionId?: string | undefined;
  jobId?: string | undefined;
  batchId?: string | undefined;
}

const columnsOf = (alias: string) => `
  ${alias}.id, ${alias}.job_id as "jobId", ${alias}.batch_id as "batchId", ${alias}.subscription_id as "subscriptionId", ${alias}.event,
  ${alias}.url, ${alias}.status, ${alias}.tries, ${alias}.next_try_at as "nextTryAt", ${alias}.last_status_code as "lastStatusCode",
  ${alias}.last_error as "lastError", ${alias}.created_at as "createdAt", ${alias}.delivered_at as "deliveredAt"`;

/** Whether a delivery `d` is of the tenant `$1`: a condition. It has none of its own, but the job or batch that it tells of. */
const IS_OF_TENANT = `
  ($1::text is null
    or exists (select from longshore.jobs j where j.id = d.job_id and j.tenant = $1)
    or exists (select from longshore.batches b where b.id = d.batch_id and b.tenant = $1))`;

/** The webhook outbox. */
export function createDeliveryStore(database: Database) {
  return {
    /**
     * Takes due deliveries for `leaseMs`: a sender that dies gives them up by that. Walks `webhook_deliveries_due`.
     */
    claimDue(limit: number, leaseMs: number): Promise<DueDelivery[]> {
      return database.query<DueDelivery>(
        `with due as (
           select id
           from longshore.webhook_deliveries
           where status = 'pending' and next_try_at <= now()
           order by next_try_at
           limit $1
           for update skip locked
         )
         update longshore.webhook_deliveries d
         set next_try_at = now() + $2 * interval '1 millisecond'
         from due
         where d.id = due.id
         returning d.id, d.job_id as "jobId", d.batch_id as "batchId", d.event, d.url, d.body, d.tries, d.next_try_at::text as lease`,
        [limit, leaseMs],
      );
    },

    /** What a batch owes that has ended, to its webhook and to subscriptions. In the transaction that ends it (I4). */
    async addForBatch({ id, batchId, tenant, event, url, body }: BatchDelivery): Promise<void> {
      await database.query(
        `insert into longshore.webhook_deliveries (id, batch_id, subscription_id, event, url, body)
         select $1::uuid, $2::uuid, null, $4, $5::text, $6
         where $5 is not null
         union all
         select ${NEW_ID}, $2, s.id, $4, s.url, $6
         from longshore.webhook_subscriptions s
         where s.tenant = $3 and s.disabled_at is null and $4 = any(s.events)`,
        [id, batchId, tenant, event, url, body],
      );
    },

    /**
     * Records a try, unless the delivery has been taken anew or is sent again meanwhile. A 410 switches the subscription off and
     * ends all that is owed to it.
     */
    async recordTry(result: TryResult, lease: string): Promise<void> {
      await database.query(
        `with tried as (
           update longshore.webhook_deliveries
           set status = $2,
             tries = tries + 1,
             last_status_code = $3,
             last_error = $4,
             next_try_at = case when $2 = 'pending' then now() + $5::float8 * interval '1 millisecond' end,
             delivered_at = case when $2 = 'delivered' then now() end
           where id = $1 and status = 'pending' and next_try_at = $6::timestamptz
           returning id, subscription_id
         ),
         gone as (
           update longshore.webhook_subscriptions s
           set disabled_at = now()
           from tried
           where $2 = 'disabled' and s.id = tried.subscription_id and s.disabled_at is null
           returning s.id
         )
         update longshore.webhook_deliveries d
         set status = 'disabled',
           next_try_at = null,
           last_error = 'the subscription answered 410 Gone'
         from gone
         where d.subscription_id = gone.id and d.status = 'pending' and d.id <> $1`,
        [result.id, result.status, result.statusCode, result.error, result.retryInMs, lease],
      );
    },

    /**
     * Makes a delivery due at once, whatever became of it; its tries are counted, and spaced, from the beginning.
     * @returns it, and whose it is; undefined when the tenant has none of that id
     */
    async redeliver(
      scope: TenantScope,
      id: string,
    ): Promise<{ delivery: StoredDelivery; tenant: string | null } | undefined> {
      const [row] = await database.query<StoredDelivery & { tenant: string | null }>(
        `update longshore.webhook_deliveries d
         set status = 'pending',
           tries = 0,
           next_try_at = now(),
           delivered_at = null
         where d.id = $2 and ${IS_OF_TENANT}
         returning ${columnsOf('d')}, coalesce(
           (select tenant from longshore.jobs where id = d.job_id),
           (select tenant from longshore.batches where id = d.batch_id)) as tenant`,
        [tenantOf(scope), id],
      );
      if (!row) return undefined;
      const { tenant, ...delivery } = row;
      return { delivery, tenant };
    },

    /** Deliveries of a tenant, newest first. */
    search(
      scope: TenantScope,
      {
        status = null,
        subscriptionId = null,
        jobId = null,
        batchId = null,
      }: { [Name in keyof DeliveryFilter]: DeliveryFilter[Name] | null },
      limit: number,
      beforeId: string | null,
    ): Promise<StoredDelivery[]> {
      return database.query<StoredDelivery>(
        `select ${columnsOf('d')}
         from longshore.webhook_deliveries d
         where ${IS_OF_TENANT}
           and ($2::text is null or d.status = $2)
           and ($3::uuid is null or d.subscription_id = $3)
           and ($4::uuid is null or d.job_id = $4)
           and ($5::uuid is null or d.batch_id = $5)
           and ($6::uuid is null or d.id < $6)
         order by d.id desc
         limit $7`,
        [tenantOf(scope), status, subscriptionId, jobId, batchId, beforeId, limit],
      );
    },

    /** Milliseconds until the next try is due, at least 0; undefined when none is pending. */
    async nextDueMs(): Promise<number | undefined> {
      const [row] = await database.query<{ ms: number | null }>(
        `select (extract(epoch from min(next_try_at) - now()) * 1000)::float8 as ms
         from longshore.webhook_deliveries
         where status = 'pending'`,
      );
      return row?.ms == null ? undefined : Math.max(0, row.ms);
    },

    /** A job's deliveries, oldest first. The caller has checked that the job is the tenant's. */
    list(jobId: string, afterId: string | null, limit: number): Promise<StoredDelivery[]> {
      return database.query<StoredDelivery>(
        `select ${columnsOf('d')}
         from longshore.webhook_deliveries d
         where d.job_id = $1 and ($2::uuid is null or d.id > $2)
         order by d.id
         limit $3`,
        [jobId, afterId, limit],
      );
    },
  };
}
