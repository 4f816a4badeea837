import { GroupCommit, type GroupCommitStats } from './group-commit.ts';
import type { JobRow } from './job-row.ts';
import { type EncodedJob, encodeJob, type NewJob } from './jobs.ts';
import type { Store } from './store.ts';
import type { CountedInsert } from './tenant-days.ts';
import type { Applied, Completion, Start, Transition } from './transitions.ts';

/** The writes that every job needs. Calls at the same time share a statement and its commit. */
export interface GroupedWrites {
  /** Records a job. @returns undefined when its id is there already, or its deduplication key is taken */
  insert(job: NewJob): Promise<JobRow | undefined>;
  /** The same for a job of a tenant with a limit per day, as `tenantDays.insert`. */
  insertCounted(job: NewJob): Promise<CountedInsert>;
  /** As `transitions.start`, for one delivery. */
  start(start: Start): Promise<JobRow | undefined>;
  /** As `transitions.complete`, for one run. @returns whether it happened */
  complete(completion: Completion): Promise<boolean>;
  /** As `transitions.apply`, for one change. */
  apply(transition: Transition): Promise<Applied | undefined>;
  /** Resolves when every call so far has been answered. */
  settled(): Promise<void>;
  getStats(): Record<'insert' | 'start' | 'complete' | 'apply', GroupCommitStats>;
}

const BOUNDS = { maxItems: 500, maxBytes: 4_194_304 };
/** Callers wait for the answer: one statement is prepared and sent while the server works on the other. */
const FOR_ANSWERS = { ...BOUNDS, lanes: 2 };
/** Nobody waits but the slots of a worker: larger batches cost the server a quarter less. */
const FOR_RUNS = { ...BOUNDS, lanes: 1 };

export function createGroupedWrites(store: Store): GroupedWrites {
  const inserts = new GroupCommit({
    ...FOR_ANSWERS,
    write: async (jobs: readonly EncodedJob[]) =>
      inOrder(jobs, ({ job }) => job.id, await store.jobs.insertEncoded(jobs)),
    sizeOf: ({ json }) => json.length,
  });
  const countedInserts = new GroupCommit({
    ...FOR_ANSWERS,
    lanes: 1, // a second statement would only wait for the days that the first one has locked
    write: (jobs: readonly EncodedJob[]) => store.tenantDays.insert(jobs),
    sizeOf: ({ json }) => json.length,
  });
  const starts = new GroupCommit({
    ...FOR_RUNS,
    write: async (items: readonly Start[]) => inOrder(items, ({ id }) => id, await store.transitions.start(items)),
    keyOf: ({ id }) => id,
  });
  const completions = new GroupCommit({
    ...FOR_RUNS,
    write: async (items: readonly Completion[]) => {
      const completed = new Set(await store.transitions.complete(items));
      return items.map(({ id }) => completed.has(id));
    },
    sizeOf: ({ output }) => output.length,
    keyOf: ({ id }) => id,
  });
  const changes = new GroupCommit({
    ...FOR_RUNS,
    write: async (items: readonly Transition[]) => inOrder(items, ({ id }) => id, await store.transitions.apply(items)),
    sizeOf: ({ output, webhook }) => (output?.length ?? 0) + (webhook?.body.length ?? 0),
    keyOf: ({ id }) => id,
  });
  const groups = {
    insert: inserts,
    insertCounted: countedInserts,
    start: starts,
    complete: completions,
    apply: changes,
  };

  return {
    insert: (job) => inserts.add(encodeJob(job)),
    insertCounted: (job) => countedInserts.add(encodeJob(job)),
    start: (start) => starts.add(start),
    complete: (completion) => completions.add(completion),
    apply: (transition) => changes.add(transition),
    async settled() {
      await Promise.all(Object.values(groups).map((group) => group.settled()));
    },
    getStats: () => ({
      insert: inserts.getStats(),
      start: starts.getStats(),
      complete: completions.getStats(),
      apply: changes.getStats(),
    }),
  };
}

/** The row of each item, or undefined where it has none. */
function inOrder<Item, Row extends { id: string }>(
  items: readonly Item[],
  idOf: (item: Item) => string,
  rows: readonly Row[],
): (Row | undefined)[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return items.map((item) => byId.get(idOf(item)));
}
