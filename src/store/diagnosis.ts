import type { Database } from './database.ts';
import { MAINTENANCE_LEASE } from './leases.ts';
import { COUNT_ALIVE, IS_ALIVE, SERVED_QUEUES } from './workers.ts';

export interface ServerFacts {
  /** As PostgreSQL writes it, e.g. `17.2`. */
  version: string;
  /** `170002` */
  versionNumber: number;
  /** A standby, or a role or database that may only read. */
  isReadOnly: boolean;
}

/** The unfinished work of a queue that is due, and who serves it. */
export interface QueueWork {
  queue: string;
  isPaused: boolean;
  /** Jobs that are due or run. */
  due: number;
  /** How long the oldest of those that do not run has been due. */
  oldestMs: number | null;
  /** Workers that serve the queue and are alive. */
  workers: number;
}

export interface WorkFacts {
  /** Queues with due work, by name. */
  queues: QueueWork[];
  /** Workers that are alive, whatever they serve. */
  workers: number;
}

export interface WebhookFacts {
  /** Deliveries that failed for good in about the last day. */
  failed: number;
  /** Deliveries that failed several times and are tried again. */
  struggling: number;
  /** The newest of them. */
  latest: { jobId: string; url: string; error: string | null } | null;
}

export interface LeadershipFacts {
  /** `leftMs` is negative when it is over. */
  lease: { holder: string; leftMs: number } | null;
  workers: number;
}

/** What the doctor asks of the database. Nothing here changes anything. */
export function createDiagnosisStore(database: Database) {
  return {
    async readServer(): Promise<ServerFacts> {
      const [row] = await database.query<ServerFacts>(SERVER);
      if (!row) throw new Error('a row of settings is missing');
      return row;
    },

    /** The database's clock, in milliseconds since 1970. */
    async readClock(): Promise<number> {
      const [row] = await database.query<{ ms: number }>(
        `select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
      );
      return row?.ms ?? Number.NaN;
    },

    async readWork(): Promise<WorkFacts> {
      const queues = await database.query<QueueWork>(WORK);
      const [row] = await database.query<{ n: number }>(`select ${COUNT_ALIVE} as n`);
      return { queues, workers: row?.n ?? 0 };
    },

    /** Runs whose worker is gone. Walks `jobs_not_completed`. */
    async countLostRuns(): Promise<number> {
      const [row] = await database.query<{ n: number }>(
        `select count(*)::integer as n
         from longshore.jobs j
         where j.status = 'processing'
           and (select ${IS_ALIVE} from longshore.workers where id = j.worker) is not true`,
      );
      return row?.n ?? 0;
    },

    /** Whether the record has jobs that were handed to BullMQ. Walks `jobs_handed_over`. */
    async hasHandedOver(): Promise<boolean> {
      const [row] = await database.query<{ found: boolean }>(
        `select exists (
           select from longshore.jobs
           where dispatched_at is not null and status in ('scheduled', 'queued', 'retrying')
         ) as found`,
      );
      return row?.found === true;
    },

    /**
     * @param endsAfterMs when a delivery ends after its creation at the latest, by the number of its tries
     * @param manyTries from how many tries on a pending delivery counts
     */
    async readWebhooks(endsAfterMs: readonly number[], manyTries: number): Promise<WebhookFacts> {
      const [row] = await database.query<WebhookFacts>(WEBHOOKS, [endsAfterMs, manyTries]);
      return row ?? { failed: 0, struggling: 0, latest: null };
    },

    async readLeadership(): Promise<LeadershipFacts> {
      const [row] = await database.query<LeadershipFacts>(
        `select ${COUNT_ALIVE} as workers,
           (select jsonb_build_object('holder', holder, 'leftMs', extract(epoch from expires_at - now()) * 1000)
            from longshore.leases
            where name = $1) as lease`,
        [MAINTENANCE_LEASE],
      );
      return row ?? { lease: null, workers: 0 };
    },
  };
}

const SERVER = `
  select current_setting('server_version') as version,
    current_setting('server_version_num')::integer as "versionNumber",
    current_setting('transaction_read_only') = 'on' as "isReadOnly"`;

// Each part walks an index of its own: jobs_not_completed, jobs_due, jobs_handed_over.
const WORK = `
  with due as (
    select queue, run_at, status = 'processing' as is_running
    from longshore.jobs
    where status in ('queued', 'processing')
    union all
    select queue, run_at, false
    from longshore.jobs
    where status in ('scheduled', 'retrying') and dispatched_at is null and run_at <= now()
    union all
    select queue, run_at, false
    from longshore.jobs
    where status in ('scheduled', 'retrying') and dispatched_at is not null and run_at <= now()
  ),
  per_queue as (
    select queue,
      count(*)::integer as n,
      min(run_at) filter (where not is_running) as oldest
    from due
    group by queue
  ),
  served as (${SERVED_QUEUES})
  select p.queue,
    coalesce(q.is_paused, false) as "isPaused",
    p.n as due,
    greatest(0, extract(epoch from now() - p.oldest) * 1000)::float8 as "oldestMs",
    coalesce(s.n, 0) as workers
  from per_queue p
  left join longshore.queues q on q.name = p.queue
  left join served s on s.queue = p.queue
  order by p.queue`;

// When a delivery failed is not recorded: it follows from its creation, the number of its tries and their pauses.
const WEBHOOKS = `
  with trouble as (
    select job_id, url, last_error, created_at, status
    from longshore.webhook_deliveries
    where (status = 'pending' and tries >= $2)
      or (status = 'failed'
        and created_at + ($1::float8[])[least(tries, cardinality($1::float8[]))] * interval '1 millisecond'
          > now() - interval '1 day')
  )
  select count(*) filter (where status = 'failed')::integer as failed,
    count(*) filter (where status = 'pending')::integer as struggling,
    (select jsonb_build_object('jobId', job_id, 'url', url, 'error', last_error)
     from trouble
     order by status, created_at desc -- 'failed' before 'pending'
     limit 1) as latest
  from trouble`;
