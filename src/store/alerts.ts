import type { Database } from './database.ts';
import { NO_FINGERPRINT } from './job-filter.ts';

/** Failures of one kind that nobody has been told of. */
export interface UntoldFailures {
  fingerprint: string;
  count: number;
  /** When the newest of them failed, with all of its digits. */
  until: string;
  jobId: string;
  type: string;
  tenant: string;
  reason: string;
  name: string;
  message: string;
}

export function createAlertStore(database: Database) {
  return {
    /**
     * Kinds of failures of the last hour that have not been told, the oldest first; none that was told within the last
     * minute. Walks `jobs_failed_at`.
     */
    findUntold(limit: number): Promise<UntoldFailures[]> {
      return database.query<UntoldFailures>(FIND_UNTOLD, [limit]);
    },

    async markTold(fingerprint: string, until: string): Promise<void> {
      await database.query(
        `insert into longshore.alerts (fingerprint, sent_at, notified_until)
         values ($1, now(), $2::timestamptz)
         on conflict (fingerprint) do update set sent_at = excluded.sent_at, notified_until = excluded.notified_until`,
        [fingerprint, until],
      );
    },
  };
}

const FIND_UNTOLD = `
  with untold as (
    select coalesce(j.fingerprint, '${NO_FINGERPRINT}') as fingerprint,
      count(*)::integer as count,
      min(j.finished_at) as since,
      max(j.finished_at) as until,
      (array_agg(j.id order by j.finished_at desc, j.id desc))[1] as newest
    from longshore.jobs j
    left join longshore.alerts a on a.fingerprint = coalesce(j.fingerprint, '${NO_FINGERPRINT}')
    where j.status = 'failed'
      and j.finished_at > now() - interval '1 hour'
      and (a.fingerprint is null or (j.finished_at > a.notified_until and a.sent_at <= now() - interval '1 minute'))
    group by 1
    order by since
    limit $1
  )
  select u.fingerprint, u.count, u.until::text as until, n.id as "jobId", n.type, n.tenant, n.reason,
    n.error ->> 'name' as name, n.error ->> 'message' as message
  from untold u
  join longshore.jobs n on n.id = u.newest
  order by u.since`;
