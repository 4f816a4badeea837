import type { JobResource } from '../../contract/job.ts';
import type { QueueResource } from '../../contract/program.ts';

export interface Sort<Row> {
  name: string;
  compare(a: Row, b: Row): number;
}

/** `q2` before `q10`. */
const { compare: compareNames } = new Intl.Collator('en', { numeric: true });

const byCount = (status: keyof QueueResource['counts']) => (a: QueueResource, b: QueueResource) =>
  b.counts[status] - a.counts[status];

/** What `s` goes through; the first is where a list begins. */
export const QUEUE_SORTS: readonly Sort<QueueResource>[] = [
  { name: 'name', compare: (a, b) => compareNames(a.name, b.name) },
  { name: 'queued', compare: byCount('queued') },
  { name: 'running', compare: byCount('processing') },
  { name: 'failed', compare: byCount('failed') },
];

export const JOB_SORTS: readonly Sort<JobResource>[] = [
  { name: 'newest', compare: (a, b) => b.createdAt.localeCompare(a.createdAt) || b.id.localeCompare(a.id) },
  { name: 'oldest', compare: (a, b) => a.createdAt.localeCompare(b.createdAt) || a.id.localeCompare(b.id) },
  { name: 'type', compare: (a, b) => compareNames(a.type, b.type) },
  { name: 'queue', compare: (a, b) => compareNames(a.queue, b.queue) },
];

/** The rows in the order of the sort with this number, which counts on and on. */
export function sortRows<Row>(rows: readonly Row[], sorts: readonly Sort<Row>[], number: number): Row[] {
  return rows.toSorted(sorts[number % sorts.length]?.compare);
}
