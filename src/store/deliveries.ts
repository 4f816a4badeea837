import type { Database } from './database.ts';

export interface DueDelivery {
  id: string;
  jobId: string;
  event: string;
  url: string;
  body: string;
  /** Tries that came before. */
  tries: number;
}

export interface StoredDelivery {
  id: string;
  jobId: string;
  event: string;
  url: string;
  status: 'pending' | 'delivered' | 'failed' | 'disabled';
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
  status: 'pending' | 'delivered' | 'failed' | 'disabled';
  statusCode: number | null;
  error: string | null;
  retryInMs: number | null;
}

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
         returning d.id, d.job_id as "jobId", d.event, d.url, d.body, d.tries`,
        [limit, leaseMs],
      );
    },

    async recordTry(result: TryResult): Promise<void> {
      await database.query(
        `update longshore.webhook_deliveries
         set status = $2,
           tries = tries + 1,
           last_status_code = $3,
           last_error = $4,
           next_try_at = case when $2 = 'pending' then now() + $5::float8 * interval '1 millisecond' end,
           delivered_at = case when $2 = 'delivered' then now() end
         where id = $1 and status = 'pending'`,
        [result.id, result.status, result.statusCode, result.error, result.retryInMs],
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
        `select id, job_id as "jobId", event, url, status, tries, next_try_at as "nextTryAt", last_status_code as "lastStatusCode",
           last_error as "lastError", created_at as "createdAt", delivered_at as "deliveredAt"
         from longshore.webhook_deliveries
         where job_id = $1 and ($2::uuid is null or id > $2)
         order by id
         limit $3`,
        [jobId, afterId, limit],
      );
    },
  };
}
