import type { JobResource, LogLineResource } from '../../contract/job.ts';
import type { HealthResource, QueueResource, StatsResource } from '../../contract/program.ts';
import type { WorkerResource } from '../../contract/workers.ts';
import { JOB_SORTS, QUEUE_SORTS, sortRows } from './sorts.ts';

/** The lists of the screen; the first is always there, of the others one. */
export const panes = ['queues', 'running', 'waiting', 'failed', 'workers'] as const;
export type Pane = (typeof panes)[number];
export type LowerPane = Exclude<Pane, 'queues'>;

/** What the server last said. */
export interface Snapshot {
  health: HealthResource;
  stats: StatsResource;
  queues: QueueResource[];
  jobs: Record<'running' | 'waiting' | 'failed', JobResource[]>;
  workers: WorkerResource[];
  atMs: number;
}

export type Mode =
  | { kind: 'browse' }
  | { kind: 'help' }
  | { kind: 'filter'; text: string }
  | { kind: 'confirm'; question: string; effect: Effect }
  | { kind: 'details'; job: JobResource; logs: LogLineResource[]; scroll: number };

/** What a key wants from the world outside of the screen. */
export type Effect =
  | { kind: 'quit' }
  | { kind: 'refresh' }
  | { kind: 'pause' | 'resume'; queue: string }
  | { kind: 'retry' | 'cancel' | 'open'; id: string };

export interface TopState {
  url: string;
  snapshot: Snapshot | undefined;
  /** Why the last question had no answer. */
  fault: string | undefined;
  pane: Pane;
  /** Which of the lower lists is shown, also while the cursor is in the queues. */
  lower: LowerPane;
  /** The row under the cursor by its name or id: it stays on it when rows move. */
  selected: Partial<Record<Pane, string>>;
  /** How often `s` was pressed in a list. */
  sorts: Partial<Record<Pane, number>>;
  /** Only rows with this text. */
  filter: string;
  /** Only jobs of this queue. */
  queue: string | undefined;
  mode: Mode;
  /** What the last action came to. */
  notice: string | undefined;
}

export function createTopState(url: string): TopState {
  return {
    url,
    snapshot: undefined,
    fault: undefined,
    pane: 'queues',
    lower: 'running',
    selected: {},
    sorts: {},
    filter: '',
    queue: undefined,
    mode: { kind: 'browse' },
    notice: undefined,
  };
}

export function listQueues({ snapshot, filter, sorts }: TopState): QueueResource[] {
  const rows = (snapshot?.queues ?? []).filter(({ name }) => matches(filter, name));
  return sortRows(rows, QUEUE_SORTS, sorts.queues ?? 0);
}

export function listJobs({ snapshot, filter, sorts }: TopState, pane: 'running' | 'waiting' | 'failed'): JobResource[] {
  const rows = (snapshot?.jobs[pane] ?? []).filter((job) =>
    matches(filter, job.id, job.type, job.queue, job.tenant, job.worker ?? '', job.error?.message ?? '', ...job.tags),
  );
  return sortRows(rows, JOB_SORTS, sorts[pane] ?? 0);
}

export function listWorkers({ snapshot, filter, queue }: TopState): WorkerResource[] {
  return (snapshot?.workers ?? []).filter(
    ({ id, host, queues }) => (queue === undefined || queues.includes(queue)) && matches(filter, id, host, ...queues),
  );
}

/** The names or ids of the rows of a list, from top to bottom. */
export function listKeys(state: TopState, pane: Pane): string[] {
  if (pane === 'queues') return listQueues(state).map(({ name }) => name);
  if (pane === 'workers') return listWorkers(state).map(({ id }) => id);
  return listJobs(state, pane).map(({ id }) => id);
}

/** Where the cursor is; the first row where the one that it was on is gone. */
export function findCursor(state: TopState, pane: Pane): number {
  return Math.max(0, listKeys(state, pane).indexOf(state.selected[pane] ?? ''));
}

export function findJob(state: TopState): JobResource | undefined {
  if (state.mode.kind === 'details') return state.mode.job;
  if (state.pane === 'queues' || state.pane === 'workers') return undefined;
  return listJobs(state, state.pane)[findCursor(state, state.pane)];
}

function matches(filter: string, ...texts: string[]): boolean {
  const wanted = filter.toLowerCase();
  return texts.some((text) => text.toLowerCase().includes(wanted));
}
