import { GROUP_COUNT_MAX } from '../contract/dead-letters.ts';
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
  countIsCapped: boolean;
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

/** Kinds of failures that are considered: an installation with more has messages that no fingerprint tells apart. */
const KINDS_MAX = 1000;

/** The failed jobs as people look at them: by what went wrong. */
export function createDeadLetterStore(database: Database) {
  return {
    /**
     * Groups failed jobs by fingerprint, the one that was seen last first. Of each kind the newest {@link GROUP_COUNT_MAX}
     * are looked at, however many there are; walks `jobs_failed_seen` from kind to kind, or that of the tenant.
     */
    groups(
      scope: TenantScope,
      filter: JobFilter,
      limit: number,
      after: GroupCursor | undefined,
    ): Promise<FailureGroup[]> {
      const { values, bind } = createParameters();
      const tenant = scope === 'all' ? filter.tenant : scope.tenant;
      const ofTenant = tenant === undefined ? '' : `and tenant = ${bind(tenant)}`;
      const matches = matchJobs(scope, filter, bind);
      const newest = lookAt('desc', ofTenant, matches);
      const oldest = lookAt('asc', ofTenant, matches);
      const isAfter =
        after && `where (last_seen_us, fingerprint) < (${bind(after.lastSeenUs)}::bigint, ${bind(after.fingerprint)})`;
      const text = `
        with recursive ${walkKinds(ofTenant)},
        seen as (
          select k.kind, coalesce(k.kind, '${NO_FINGERPRINT}') as fingerprint, n.id as newest_id, n.finished_at as last_seen,
            (extract(epoch from n.finished_at) * 1000000)::bigint as last_seen_us
          from (select kind from kinds union all select null) k
          cross join lateral (
            select id, finished_at from (${newest}) j where matches order by finished_at desc, id desc limit 1
          ) n
        ),
        page as (
          select * from seen ${isAfter ?? ''} order by last_seen_us desc, fingerprint desc limit ${bind(limit)}
        )
        select k.fingerprint, n.type, n.error ->> 'name' as name, n.error ->> 'message' as message, c.count,
          c.looked >= ${GROUP_COUNT_MAX} as "countIsCapped", least(c.first_seen, o.first_seen) as "firstSeen",
          k.last_seen as "lastSeen", k.newest_id as "newestJobId", k.last_seen_us as "lastSeenUs"
        from page k
        join longshore.jobs n on n.id = k.newest_id
        cross join lateral (
          select count(*) filter (where matches)::integer as count, count(*) as looked,
            min(finished_at) filter (where matches) as first_seen
          from (${newest}) j
        ) c
        cross join lateral (
          select min(finished_at) as first_seen
          from (select finished_at from (${oldest}) j where matches order by finished_at limit 1) first
        ) o
        order by k.last_seen_us desc, k.fingerprint desc`;
      return database.query<FailureGroup>(text, values);
    },
  };
}

// From one to the next in the index, however many failures there are of each. Those without a fingerprint are no kind of it.
function walkKinds(ofTenant: string): string {
  return `
    kinds as (
      (select fingerprint as kind, 1 as number
       from longshore.jobs
       where status = 'failed' and fingerprint is not null ${ofTenant}
       order by fingerprint
       limit 1)
      union all
      (select n.fingerprint, k.number + 1
       from kinds k
       cross join lateral (
         select fingerprint
         from longshore.jobs
         where status = 'failed' and fingerprint > k.kind ${ofTenant}
         order by fingerprint
         limit 1
       ) n
       where k.number < ${KINDS_MAX})
    )`;
}

/** The newest failures of the kind `k`, or the oldest, and which of them a condition means. */
function lookAt(order: 'asc' | 'desc', ofTenant: string, condition: string): string {
  const select = (ofKind: string) => `
    (select j.id, j.finished_at, (${condition}) as matches
     from longshore.jobs j
     where j.status = 'failed' and ${ofKind} ${ofTenant}
     order by j.fingerprint ${order}, j.finished_at ${order}, j.id ${order}
     limit ${GROUP_COUNT_MAX})`;
  return `${select('j.fingerprint = k.kind')} union all ${select('j.fingerprint is null and k.kind is null')}`;
}
