import type { JobFilter } from '../contract/filter.ts';
import type { Database } from './database.ts';
import { createParameters, matchJobs, NO_FINGERPRINT } from './job-filter.ts';
import type { TenantScope } from './scope.ts';

export interface FailureGroup {
  fingerprint: string;
  type: string;
  name: string;
  message: string;
  count: number;
  firstSeen: Date;
  lastSeen: Date;
  newestJobId: string;
  /** `lastSeen` with all of its digits, in microseconds since 1970. */
  lastSeenUs: number;
}

/** Where a page of groups ended. */
export interface GroupCursor {
  lastSeenUs: number;
  fingerprint: string;
}

/** The failed jobs as people look at them: by what went wrong. */
export function createDeadLetterStore(database: Database) {
  return {
    /**
     * Groups failed jobs by fingerprint, the one that was seen last first. What a group shows of an error is read from its
     * newest job, after the page has been cut.
     */
    groups(
      scope: TenantScope,
      filter: JobFilter,
      limit: number,
      after: GroupCursor | undefined,
    ): Promise<FailureGroup[]> {
      const { values, bind } = createParameters();
      const seen = `(extract(epoch from max(j.finished_at)) * 1000000)::bigint`;
      const fingerprint = `coalesce(j.fingerprint, '${NO_FINGERPRINT}')`;
      const isAfter =
        after && `having (${seen}, ${fingerprint}) < (${bind(after.lastSeenUs)}::bigint, ${bind(after.fingerprint)})`;
      return database.query<FailureGroup>(
        `with page as (
           select ${fingerprint} as fingerprint,
             count(*)::integer as count,
             min(j.finished_at) as first_seen,
             max(j.finished_at) as last_seen,
             ${seen} as last_seen_us,
             (array_agg(j.id order by j.finished_at desc, j.id desc))[1] as newest
           from longshore.jobs j
           where j.status = 'failed' and ${matchJobs(scope, filter, bind)}
           group by 1
           ${isAfter ?? ''}
           order by last_seen_us desc, 1 desc
           limit ${bind(limit)}
         )
         select p.fingerprint, n.type, n.error ->> 'name' as name, n.error ->> 'message' as message, p.count,
           p.first_seen as "firstSeen", p.last_seen as "lastSeen", p.newest as "newestJobId", p.last_seen_us as "lastSeenUs"
         from page p
         join longshore.jobs n on n.id = p.newest
         order by p.last_seen_us desc, p.fingerprint desc`,
        values,
      );
    },
  };
}
