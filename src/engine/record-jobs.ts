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
  const listOpen = () => jobs.filter((job) => !enqueued.has(job.id));
  for (let round = 0; round < ROUNDS && listOpen().length > 0; round += 1) {
    await insertNew(engine, listOpen(), enqueued);
    const open = listOpen();
    const present = open.length === 0 ? [] : await engine.store.jobs.findPresent(open);
    for (const { wantedId, ...job } of present) enqueued.set(wantedId, { job, isDeduplicated: job.id !== wantedId });
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

async function insertNew(engine: Engine, jobs: readonly PreparedJob[], enqueued: Map<string, Enqueued>): Promise<void> {
  const rows = new Map((await insert(engine, jobs)).map((row) => [row.id, row]));
  for (const [id, job] of rows) enqueued.set(id, { job, isDeduplicated: false });
  engine.dispatcher.handOver(jobs.flatMap((job) => rows.get(job.id) ?? [])); // in the order of the request
}

async function insert(engine: Engine, jobs: readonly PreparedJob[]): Promise<JobRow[]> {
  const places = jobs.map((job) => job.delayMs === null && job.runAt === null && engine.dispatcher.reserve(job.queue));
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
