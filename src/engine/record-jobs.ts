import { AppError } from '../shared/errors.ts';
import type { JobRow } from '../store/job-row.ts';
import type { NewJob } from '../store/jobs.ts';
import type { Engine } from './engine.ts';

export interface Enqueued {
  job: JobRow;
  /** Whether this is a job from before that holds the deduplication key; nothing new was recorded then. */
  isDeduplicated: boolean;
}

/** A job that has been checked; whether BullMQ has room for it is asked when it is recorded. */
export type PreparedJob = Omit<NewJob, 'isHandedOver'>;

/** Each round needs a holder that ends between two statements. */
const ROUNDS = 20;

/**
 * Commits jobs, all in one statement, and hands over those that are new. In place of a job that is there already (the same
 * id: a call that is made again) or whose deduplication key is taken, that other one is read.
 * @returns one for each job, in their order
 * @throws STORE_UNAVAILABLE
 */
export async function recordJobs(engine: Engine, jobs: readonly PreparedJob[]): Promise<Enqueued[]> {
  const enqueued = new Map<string, Enqueued>();
  let open = jobs;
  for (let round = 0; round < ROUNDS && open.length > 0; round += 1) {
    const rows = await insertNew(engine, open);
    for (const job of rows) enqueued.set(job.id, { job, isDeduplicated: false });
    if (rows.length === open.length) break;
    const present = await engine.store.jobs.findPresent(open.filter((job) => !enqueued.has(job.id)));
    for (const { wantedId, ...job } of present) enqueued.set(wantedId, { job, isDeduplicated: job.id !== wantedId });
    open = open.filter((job) => !enqueued.has(job.id));
  }
  return jobs.map((job) => {
    const found = enqueued.get(job.id);
    if (found) return found;
    throw new AppError(
      'INTERNAL',
      `the deduplication key "${job.deduplicationKey}" was always just taken or just free`,
    );
  });
}

/** @returns the rows that are new, in the order of the jobs */
async function insertNew(engine: Engine, jobs: readonly PreparedJob[]): Promise<JobRow[]> {
  const rows = await insert(engine, jobs);
  if (rows.length > 1) {
    const places = new Map(jobs.map(({ id }, place) => [id, place]));
    rows.sort((one, other) => (places.get(one.id) ?? 0) - (places.get(other.id) ?? 0));
  }
  engine.dispatcher.handOver(rows);
  return rows;
}

async function insert(engine: Engine, jobs: readonly PreparedJob[]): Promise<JobRow[]> {
  const places = jobs.map(
    (job) =>
      job.delayMs === null && job.runAt === null && job.concurrencyKey === null && engine.dispatcher.reserve(job.queue),
  );
  try {
    const placed = jobs.map((job, index) => ({ ...job, isHandedOver: places[index] ?? false }));
    const [single] = placed;
    if (single === undefined || placed.length > 1) return await engine.store.jobs.insert(placed);
    const row = await engine.writes.insert(single);
    return row ? [row] : [];
  } finally {
    for (const [index, job] of jobs.entries()) if (places[index]) engine.dispatcher.release(job.queue);
  }
}
