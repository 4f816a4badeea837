import type { JobFilter } from '../contract/filter.ts';
import type { JobStatus } from '../contract/job.ts';
import type { PageQuery } from './pages.ts';

type Values = Readonly<Record<string, string | number | boolean | null>>;

/** Which jobs: all that is named must hold. */
export interface DeadLetterFilter
  extends Pick<
    JobFilter,
    | 'type'
    | 'queue'
    | 'tenant'
    | 'parentId'
    | 'batchId'
    | 'scheduleId'
    | 'createdAfter'
    | 'createdBefore'
    | 'finishedAfter'
    | 'finishedBefore'
    | 'q'
    | 'fingerprint'
  > {
  /** One, or several that a job must all have. */
  tag?: string | readonly string[] | undefined;
  /** Values of the input by their dotted paths: `{ 'customer.id': 17 }`. */
  input?: Values | undefined;
  /** The same of the metadata. */
  metadata?: Values | undefined;
}

export interface DeadLetterBulkFilter extends DeadLetterFilter {
  /** At most 1,000. */
  ids?: readonly string[] | undefined;
}

export interface BulkFilter extends DeadLetterBulkFilter {
  status?: JobStatus | readonly JobStatus[] | undefined;
}

export interface DeadLetterListFilter extends DeadLetterFilter, PageQuery {}

export interface JobListFilter extends DeadLetterListFilter {
  status?: JobStatus | readonly JobStatus[] | undefined;
}

/** As a body has it: `input.<path>` and `metadata.<path>` beside the other fields. */
export function formatFilter<Filter extends DeadLetterFilter>({ input, metadata, ...rest }: Filter) {
  return { ...rest, ...formatValues('input', input), ...formatValues('metadata', metadata) };
}

function formatValues(column: string, values: Values = {}) {
  return Object.fromEntries(Object.entries(values).map(([path, value]) => [`${column}.${path}`, value] as const));
}

/** The same as a query has it. */
export function formatListFilter({ status, ...rest }: JobListFilter) {
  return { ...formatFilter(rest), status: typeof status === 'object' ? status.join(',') : status };
}
