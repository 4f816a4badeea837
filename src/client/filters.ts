import type { JobFilter } from '../contract/filter.ts';
import type { JobStatus } from '../contract/job.ts';
import type { PageQuery } from './pages.ts';

/** Which jobs: all that is named must hold. */
export interface DeadLetterFilter
  extends Pick<
    JobFilter,
    | 'type'
    | 'queue'
    | 'tenant'
    | 'tag'
    | 'parentId'
    | 'batchId'
    | 'createdAfter'
    | 'createdBefore'
    | 'q'
    | 'fingerprint'
  > {
  /** Values of the input by their dotted paths: `{ 'customer.id': 17 }`. */
  input?: Readonly<Record<string, string | number | boolean | null>> | undefined;
}

export interface DeadLetterBulkFilter extends DeadLetterFilter {
  /** At most 1,000. */
  ids?: readonly string[] | undefined;
}

export interface BulkFilter extends DeadLetterBulkFilter {
  status?: JobStatus | readonly JobStatus[] | undefined;
}

export interface DeadLetterListFilter extends DeadLetterFilter, PageQuery {}

export interface JobListFilter extends Omit<DeadLetterListFilter, 'fingerprint'> {
  status?: JobStatus | readonly JobStatus[] | undefined;
}

/** As a body has it: `input.<path>` beside the other fields. */
export function formatFilter<Filter extends DeadLetterFilter>({ input, ...rest }: Filter) {
  const values = Object.entries(input ?? {}).map(([path, value]) => [`input.${path}`, value] as const);
  return { ...rest, ...Object.fromEntries(values) };
}

/** The same as a query has it. */
export function formatListFilter({ status, ...rest }: JobListFilter) {
  return { ...formatFilter(rest), status: typeof status === 'object' ? status.join(',') : status };
}
