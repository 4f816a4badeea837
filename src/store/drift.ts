import type { JobStatus } from '../contract/job.ts';
import type { Database } from './database.ts';

/** A job that BullMQ is said to hold. */
export interface HeldRow {
  id: string;
  queue: string;
  status: Extract<JobStatus, 'scheduled' | 'queued' | 'retrying'>;
  delivery: number;
  foreignId: string | null;
  /** How long it has been due; negative when its time is still to come. */
  overdueMs: number;
}

/** What the record says of a job that was found in BullMQ. */
export interface HeldRecord {
  id: string;
  status: JobStatus;
  delivery: number;
}

/** The comparison of the record with what BullMQ holds. */
export function createDriftStore(database: Database) {
  return {
    /** Queues of which BullMQ should hold jobs, whether this program knows them or not. */
    async queuesHeld(): Promise<string[]> {
      const rows = await database.query<{ queue: string }>(QUEUES_HELD);
      return rows.map((row) => row.queue);
    },

    /**
     * Jobs that BullMQ should hold, by id. Walks `jobs_handed_over`.
     * @param graceMs spares those that were handed over since: they may be under way
     */
    listHeld(queue: string, afterId: string | null, limit: number, graceMs: number): Promise<HeldRow[]> {
      return database.query<HeldRow>(LIST_HELD, [queue, afterId, limit, graceMs]);
    },

    findRecords(ids: readonly string[]): Promise<HeldRecord[]> {
      return database.query<HeldRecord>(`select id, status, delivery from longshore.jobs where id = any($1::uuid[])`, [
        ids,
      ]);
    },

    /** Puts jobs back into the backlog as new deliveries; an old one that turns up is refused. @returns the ids of those */
    async redeliver(jobs: readonly { id: string; delivery: number }[]): Promise<string[]> {
      const rows = await database.query<{ id: string }>(
        `with given as (
           select j.id
           from longshore.jobs j
           join unnest($1::uuid[], $2::integer[]) as g(id, delivery) on g.id = j.id and g.delivery = j.delivery
           where j.status in ('scheduled', 'queued', 'retrying') and j.dispatched_at is not null
           order by j.id
           for update of j
         )
         update longshore.jobs j
         set dispatched_at = null,
           delivery = j.delivery + 1
         from given
         where j.id = given.id
         returning j.id`,
        [jobs.map((job) => job.id), jobs.map((job) => job.delivery)],
      );
      return rows.map((row) => row.id);
    },

    async pausedQueues(): Promise<string[]> {
      const rows = await database.query<{ name: string }>(`select name from longshore.queues where is_paused`);
      return rows.map((row) => row.name);
    },

    async count(kind: string, repairs: number): Promise<void> {
      await database.query(
        `insert into longshore.drift_repairs as d (kind, count, last_at)
         values ($1, $2, now())
         on conflict (kind) do update set count = d.count + excluded.count, last_at = now()`,
        [kind, repairs],
      );
    },

    /** Repairs since the installation began, by kind. */
    async totals(): Promise<Record<string, number>> {
      const rows = await database.query<{ kind: string; count: number }>(
        `select kind, count from longshore.drift_repairs order by kind`,
      );
      return Object.fromEntries(rows.map((row) => [row.kind, row.count]));
    },
  };
}

// Skips through the index from one queue to the next.
const QUEUES_HELD = `
  with recursive held as (
    (select queue from longshore.jobs
     where dispatched_at is not null and status in ('scheduled', 'queued', 'retrying')
     order by queue
     limit 1)
    union all
    select next.queue
    from held
    cross join lateral (
      select j.queue from longshore.jobs j
      where j.dispatched_at is not null and j.status in ('scheduled', 'queued', 'retrying') and j.queue > held.queue
      order by j.queue
      limit 1
    ) next
  )
  select queue from held`;

const LIST_HELD = `
  select j.id, j.queue, j.status, j.delivery, j.foreign_id as "foreignId",
    (extract(epoch from now() - j.run_at) * 1000)::float8 as "overdueMs"
  from longshore.jobs j
  where j.queue = $1
    and j.status in ('scheduled', 'queued', 'retrying')
    and j.dispatched_at < now() - $4 * interval '1 millisecond'
    and ($2::uuid is null or j.id > $2)
  order by j.id
  limit $3`;
