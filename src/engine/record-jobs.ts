import { AppError, invalidFields } from '../shared/errors.ts';
import type { JobRow } from '../store/job-row.ts';
import { encodeJob, type NewJob } from '../store/jobs.ts';
import type { CountedInsert } from '../store/tenant-days.ts';
import { admitJobs, tooManyToday } from './admission.ts';
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

/** What an attempt to record jobs has come to. */
interface Attempt {
  rows: JobRow[];
  /** Those that a limit of their tenant keeps out, unless they are there already. */
  refused: Map<string, AppError>;
}

/**
 * Commits jobs and hands over those that are new, as {@link recordEach}.
 * @returns one for each job, in their order
 * @throws TENANT_LIMIT_REACHED or INVALID_FIELDS for the first one that may not be recorded; STORE_UNAVAILABLE
 */
export async function recordJobs(engine: Engine, jobs: readonly PreparedJob[]): Promise<Enqueued[]> {
  const recorded = await recordEach(engine, jobs);
  return recorded.map((each) => {
    if (each instanceof AppError) throw each;
    return each;
  });
}

/**
 * Commits jobs, all in one statement, and hands over those that are new. In place of a job that is there already (the same
 * id: a call that is made again) or whose deduplication key is taken, that other one is read.
 * @returns one for each job, in their order: TENANT_LIMIT_REACHED for those that their tenant may not have, INVALID_FIELDS for those
 * whose batch is not open
 * @throws STORE_UNAVAILABLE
 */
export async function recordEach(engine: Engine, jobs: readonly PreparedJob[]): Promise<(Enqueued | AppError)[]> {
  const results = new Map<string, Enqueued | AppError>();
  let open = jobs;
  for (let round = 0; round < ROUNDS && open.length > 0; round += 1) {
    const { rows, refused } = await insertNew(engine, open);
    for (const job of rows) results.set(job.id, { job, isDeduplicated: false });
    if (rows.length === open.length) break;
    const present = await engine.store.jobs.findPresent(open.filter((job) => !results.has(job.id)));
    for (const { wantedId, ...job } of present) results.set(wantedId, { job, isDeduplicated: job.id !== wantedId });
    for (const [id, error] of refused) if (!results.has(id)) results.set(id, error);
    open = open.filter((job) => !results.has(job.id));
    for (const job of await findShutOut(engine, open)) results.set(job.id, noOpenBatch('options.batchId'));
    open = open.filter((job) => !results.has(job.id));
  }
  return jobs.map((job) => {
    const found = results.get(job.id);
    if (found) return found;
    throw new AppError(
      'INTERNAL',
      `the deduplication key "${job.deduplicationKey}" was always just taken or just free`,
    );
  });
}

/** What is said of a batch that is unknown, closed, or another tenant's: nobody shall learn which (I9). */
export function noOpenBatch(path: string): AppError {
  return invalidFields([{ path, message: 'there is no such batch that is open' }]);
}

/** Those of the jobs whose batch takes none. */
async function findShutOut(engine: Engine, jobs: readonly PreparedJob[]): Promise<PreparedJob[]> {
  const wanted = [...new Set(jobs.flatMap(({ batchId }) => batchId ?? []))];
  if (wanted.length === 0) return [];
  const open = await engine.store.batches.findOpen(wanted);
  return jobs.filter(
    ({ batchId, tenant }) => batchId !== null && !open.some((batch) => batch.id === batchId && batch.tenant === tenant),
  );
}

/** Records what the tenants may have; the rows come in the order of the jobs. */
async function insertNew(engine: Engine, jobs: readonly PreparedJob[]): Promise<Attempt> {
  const admission = await admitJobs(engine, jobs);
  let attempt: Attempt = { rows: [], refused: new Map() };
  try {
    attempt = await insert(engine, admission.admitted);
  } finally {
    admission.release(new Set(attempt.rows.map(({ id }) => id)));
  }
  const { rows, refused } = attempt;
  if (rows.length > 1) {
    const places = new Map(jobs.map(({ id }, place) => [id, place]));
    rows.sort((one, other) => (places.get(one.id) ?? 0) - (places.get(other.id) ?? 0));
  }
  engine.dispatcher.handOver(rows);
  return { rows, refused: new Map([...admission.refused, ...refused]) };
}

async function insert(engine: Engine, jobs: readonly PreparedJob[]): Promise<Attempt> {
  const places = jobs.map((job) => job.delayMs === null && job.runAt === null && engine.dispatcher.reserve(job));
  try {
    const placed = jobs.map((job, index) => ({ ...job, isHandedOver: places[index] ?? false }));
    const counted = placed.filter(({ tenant }) => engine.limits.of(tenant)?.maxPerDay != null);
    if (counted.length === 0) return { rows: await insertFree(engine, placed), refused: new Map() };
    const free = counted.length === placed.length ? [] : placed.filter((job) => !counted.includes(job));
    const [rows, attempt] = [await insertFree(engine, free), await insertCounted(engine, counted)];
    return { rows: [...rows, ...attempt.rows], refused: attempt.refused };
  } finally {
    for (const [index, job] of jobs.entries()) if (places[index]) engine.dispatcher.release(job.queue);
  }
}

async function insertFree(engine: Engine, jobs: readonly NewJob[]): Promise<JobRow[]> {
  const [single] = jobs;
  if (single === undefined) return [];
  if (jobs.length > 1) return engine.store.jobs.insert(jobs);
  const row = await engine.writes.insert(single);
  return row ? [row] : [];
}

/** For tenants with a limit per day. */
async function insertCounted(engine: Engine, jobs: readonly NewJob[]): Promise<Attempt> {
  const [single] = jobs;
  const results: CountedInsert[] =
    single !== undefined && jobs.length === 1
      ? [await engine.writes.insertCounted(single)]
      : await engine.store.tenantDays.insert(jobs.map(encodeJob));
  const refused = new Map<string, AppError>();
  for (const [index, { id, tenant }] of jobs.entries()) {
    if (results[index]?.kind === 'over_limit') refused.set(id, tooManyToday(engine, tenant));
  }
  return { rows: results.flatMap((result) => (result.kind === 'inserted' ? [result.row] : [])), refused };
}
