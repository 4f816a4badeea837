import { expect } from 'vitest';
import type { JobStatus } from '../../src/contract/job.ts';
import type { Database } from '../../src/store/database.ts';
import type { Store } from '../../src/store/store.ts';
import { isTerminal, type Model, STEPS, WORKERS } from './model.ts';

/** A job as the record has it, with what hangs on it. */
interface RecordedJob {
  id: string;
  status: JobStatus;
  fence: number;
  delivery: number;
  attempt: number;
  rescues: number;
  worker: string | null;
  isHandedOver: boolean;
  hasEnded: boolean;
  webhooks: number;
  history: string[];
  /** Everything, to see that nothing changes any more. */
  row: string;
}

/** The real store under test, and what it said before the last command. */
export class Record {
  readonly store: Store;
  readonly #database: Database;
  #before = new Map<string, RecordedJob>();

  constructor(store: Store) {
    this.store = store;
    this.#database = store.database;
  }

  async clear(): Promise<void> {
    await this.#database.query('truncate longshore.jobs, longshore.workers cascade');
    for (const worker of WORKERS) await this.beat(worker);
  }

  async beat(id: string): Promise<void> {
    await this.store.workers.heartbeat(
      {
        ...{ id, host: 'h', pid: 1, version: '0', queues: ['model'] },
        ...{ concurrency: 1, running: 0, leaseMs: 600_000 },
      },
      5000,
    );
  }

  async kill(id: string): Promise<void> {
    await this.#database.query(`update longshore.workers set heartbeat_at = now() - interval '1 day' where id = $1`, [
      id,
    ]);
  }

  /** Time passes by moving everything that is to come nearer: only the outside is ever faked, and this is its clock. */
  async passTime(minutes: number): Promise<void> {
    await this.#database.query(
      `update longshore.jobs
       set run_at = run_at - $1 * interval '1 minute',
         expires_at = expires_at - $1 * interval '1 minute'`,
      [minutes],
    );
  }

  /** Compares everything with the model, and with what may follow on what was there before whatever the model says. */
  async check(model: Model): Promise<void> {
    const rows = await this.#database.query<RecordedJob>(READ);
    const recorded = new Map(rows.map((row) => [row.id, row]));
    expect(rows).toHaveLength(model.jobs.length);
    for (const job of model.jobs) {
      const { id, status, fence, delivery, attempt, rescues, worker, isHandedOver, history, webhooks } = job;
      expect(recorded.get(id)).toMatchObject({
        ...{ status, fence, delivery, attempt, rescues, worker, isHandedOver, history },
        webhooks, // the end and its webhook are one (I4)
        hasEnded: isTerminal(job),
      });
    }
    for (const row of rows) this.#checkStep(this.#before.get(row.id), row);
    this.#before = recorded;
  }

  #checkStep(before: RecordedJob | undefined, after: RecordedJob): void {
    if (!before) return;
    expect(after.fence).toBeGreaterThanOrEqual(before.fence); // I3
    expect(after.delivery).toBeGreaterThanOrEqual(before.delivery);
    if (before.status !== after.status) expect(STEPS[before.status]).toContain(after.status); // I2
    if (before.hasEnded && after.hasEnded) expect(after).toEqual(before); // I1, I5
  }
}

const READ = `
  select j.id, j.status, j.fence, j.delivery, j.attempt, j.rescues, j.worker,
    j.dispatched_at is not null as "isHandedOver",
    j.finished_at is not null as "hasEnded",
    (select count(*)::integer from longshore.webhook_deliveries d where d.job_id = j.id) as webhooks,
    array(select a.outcome from longshore.job_attempts a where a.job_id = j.id order by a.fence) as history,
    (to_jsonb(j) - 'run_at' - 'expires_at')::text as row
  from longshore.jobs j`;
