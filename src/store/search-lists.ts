import type { JobFilter } from '../contract/filter.ts';
import type { JobStatus } from '../contract/job.ts';
import { type Bind, createParameters, matchJobs } from './job-filter.ts';
import type { Search } from './search.ts';

export interface Statement {
  text: string;
  values: unknown[];
}

/** All jobs, by the primary key. One more than the limit is read, here and below: it tells whether there are more. */
export function listNewest(search: Search): Statement {
  const { values, bind } = createParameters();
  const { columns, scope, filter, limit, beforeId } = search;
  const text = `
    select ${columns}
    from longshore.jobs j
    where ${matchJobs(scope, filter, bind)} ${beforeId === null ? '' : `and j.id < ${bind(beforeId)}`}
    order by j.id desc
    limit ${bind(limit + 1)}`;
  return { text, values };
}

/** The newest of each status, which `jobs_not_completed` has in this order, and no other index. */
export function listByStatus(search: Search, statuses: readonly JobStatus[]): Statement {
  const { values, bind } = createParameters();
  const { columns, scope, filter, limit, beforeId } = search;
  const count = bind(limit + 1);
  const text = `
    select ${columns}
    from unnest(${bind(statuses)}::text[]) s(status)
    cross join lateral (
      select *
      from longshore.jobs j
      where j.status = s.status and j.status <> 'completed' ${beforeId === null ? '' : `and j.id < ${bind(beforeId)}`}
        and ${matchJobs(scope, filter, bind)}
      order by j.status desc, j.id desc
      limit ${count}
    ) j
    order by j.id desc
    limit ${count}`;
  return { text, values };
}

/** Jobs that finished in the time of the filter, in no order: each ended job is in `jobs_ended` or `jobs_failed_at`. */
function selectFinished({ finishedAfter, finishedBefore }: JobFilter, columns: string, bind: Bind): string {
  const times = [
    ...(finishedAfter === undefined ? [] : [`finished_at >= ${bind(finishedAfter)}::timestamptz`]),
    ...(finishedBefore === undefined ? [] : [`finished_at < ${bind(finishedBefore)}::timestamptz`]),
  ].join(' and ');
  return `
    select ${columns} from longshore.jobs where status in ('completed', 'cancelled', 'expired') and ${times}
    union all
    select ${columns} from longshore.jobs where status = 'failed' and ${times}`;
}

/** How many those are, of so many at most. */
export function countFinished(filter: JobFilter, limit: number): Statement {
  const { values, bind } = createParameters();
  const text = `
    select count(*)::integer as count
    from (select 1 from (${selectFinished(filter, 'id', bind)}) finished limit ${bind(limit)}) part`;
  return { text, values };
}

export function listByFinish({ columns, scope, filter, limit, beforeId }: Search): Statement {
  const { values, bind } = createParameters();
  const text = `
    with finished as materialized (${selectFinished(filter, 'id', bind)})
    select ${columns}
    from finished
    join longshore.jobs j on j.id = finished.id
    where ${matchJobs(scope, filter, bind)} ${beforeId === null ? '' : `and j.id < ${bind(beforeId)}`}
    order by j.id desc
    limit ${bind(limit + 1)}`;
  return { text, values };
}
