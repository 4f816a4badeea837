import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, inject } from 'vitest';
import { assemble, type Program } from '../../src/assemble.ts';
import type { EnqueueRequest, JobOptionsInput } from '../../src/contract/enqueue.ts';
import { enqueueSchema } from '../../src/contract/enqueue.ts';
import { isTerminal, type JobStatus } from '../../src/contract/job.ts';
import type { JobDefinition } from '../../src/define/job.ts';
import type { TransportName } from '../../src/define/queue.ts';
import type { Services } from '../../src/define/services.ts';
import type { Caller, Engine } from '../../src/engine/engine.ts';
import { enqueueJob } from '../../src/engine/enqueue.ts';
import { loadEnv } from '../../src/env.ts';
import type { JobRow } from '../../src/store/job-row.ts';
import type { AttemptRow } from '../../src/store/journal.ts';
import { MAINTENANCE_LEASE } from '../../src/store/leases.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { WorkerService } from '../../src/worker/worker-service.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { waitFor } from './wait-for.ts';

export const everyone: Caller = { scope: 'all', actor: 'test' };

export interface WorkerOptions {
  concurrency?: number;
  shutdownTimeoutMs?: number;
  heartbeatMs?: number;
  /** Default: LOCK_DURATION_MS of the harness. */
  leaseMs?: number;
  queues?: string[];
}

export interface HarnessOptions {
  transport: TransportName;
  jobs: readonly JobDefinition[];
  /** More settings, named as in the environment. */
  settings?: Record<string, string>;
  services?: Partial<Services>;
  /** Share the database and the Redis keys of another harness: a second process on one installation. */
  beside?: Harness;
  /** Another process seems to lead, so that nobody but the test does what a leader does. */
  isFollower?: boolean;
}

/** A line of the program's log. */
export interface LoggedLine extends Record<string, unknown> {
  level: string;
  message: string;
}

/** Call it within `describe`: makes a function that starts harnesses, which end with the test that started them. */
export function useHarnesses(transport: TransportName) {
  const started: Harness[] = [];
  afterEach(async () => {
    for (const harness of started.splice(0).reverse()) await harness.stop();
  });
  return async (jobs: HarnessOptions['jobs'], more: Partial<HarnessOptions> = {}): Promise<Harness> => {
    const harness = await Harness.start({ transport, jobs, ...more });
    started.push(harness);
    return harness;
  };
}

/** The engine on a database and a Redis prefix of its own, without HTTP. */
export class Harness {
  readonly #database: TestDatabase;
  readonly #folder: string;
  readonly #isOwner: boolean;
  readonly #leaseMs: number;
  readonly #workers = new Set<WorkerService>();
  readonly #queues = new Map<string, Queue>();
  #redis: Redis | undefined;
  /** Every line that the program logged, as JSON. */
  readonly logLines: string[];
  readonly program: Program;
  readonly prefix: string;

  private constructor(parts: {
    database: TestDatabase;
    folder: string;
    program: Program;
    prefix: string;
    logLines: string[];
    isOwner: boolean;
    leaseMs: number;
  }) {
    this.#database = parts.database;
    this.#folder = parts.folder;
    this.#isOwner = parts.isOwner;
    this.#leaseMs = parts.leaseMs;
    this.program = parts.program;
    this.prefix = parts.prefix;
    this.logLines = parts.logLines;
  }

  static async start(options: HarnessOptions): Promise<Harness> {
    const database = options.beside ? options.beside.#database : await createTestDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'longshore-harness-'));
    const prefix = options.beside?.prefix ?? `t${randomBytes(4).toString('hex')}`;
    const logLines: string[] = [];
    const env = loadEnv(
      {
        DATABASE_URL: database.url,
        ...(options.transport === 'bullmq' ? { REDIS_URL: inject('redisUrl') } : {}),
        QUEUE_PREFIX: prefix,
        STORAGE_DIR: join(folder, 'files'),
        ...options.settings,
      },
      folder,
    );
    const stream = new Writable({
      write(chunk, _encoding, done) {
        logLines.push(String(chunk).trimEnd());
        done();
      },
    });
    const program = await assemble({
      env,
      jobs: { definitions: [...options.jobs], queries: [], connectors: [], services: options.services ?? {} },
      version: '0.0.0-test',
      log: createLogger({ level: 'debug', format: 'json', stream }),
    });
    if (options.isFollower) await program.engine.store.leases.acquire(MAINTENANCE_LEASE, 'the test', 3_600_000);
    await program.start();
    return new Harness({
      database,
      folder,
      program,
      prefix,
      logLines,
      isOwner: !options.beside,
      leaseMs: env.lockDurationMs,
    });
  }

  get databaseUrl(): string {
    return this.#database.url;
  }

  get engine(): Engine {
    return this.program.engine;
  }

  /** Starts a worker for these queues, by default for all. Several make several worker processes of one. */
  async startWorker(options: WorkerOptions = {}): Promise<WorkerService> {
    const { engine, services, isolation } = this.program;
    const worker = new WorkerService({
      engine,
      services,
      isolation,
      queues: options.queues ?? [...engine.registry.queues.keys()],
      concurrencyOf: (queue) => engine.registry.queues.get(queue)?.concurrency ?? options.concurrency ?? 5,
      heartbeatMs: options.heartbeatMs ?? 1000,
      leaseMs: options.leaseMs ?? this.#leaseMs,
      shutdownTimeoutMs: options.shutdownTimeoutMs ?? 5000,
      version: '0.0.0-test',
    });
    this.#workers.add(worker);
    await worker.start();
    return worker;
  }

  async enqueue<Input>(
    definition: JobDefinition<Input, unknown>,
    input: Input,
    options: JobOptionsInput = {},
  ): Promise<JobRow> {
    const request: EnqueueRequest = enqueueSchema.parse({ type: definition.type, input, options });
    return (await enqueueJob(this.engine, everyone, request)).job;
  }

  async job(id: string): Promise<JobRow> {
    const job = await this.engine.store.jobs.get('all', id);
    if (!job) throw new Error(`there is no job ${id}`);
    return job;
  }

  /** The runs of a job that did not complete it, oldest first. */
  attempts(id: string): Promise<AttemptRow[]> {
    return this.engine.store.journal.attempts(id, 0, 1000);
  }

  /** Runs a statement in the record. */
  sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.engine.store.database.query<Row>(text, values);
  }

  /**
   * How many statements wait for a lock. It asks on a connection of its own: within a transaction, PostgreSQL shows
   * the activity as it was at the first look.
   */
  async countLockWaits(): Promise<number> {
    const waiting = await this.sql(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return waiting.length;
  }

  /** What was logged about a job, or everything. */
  lines(jobId?: string): LoggedLine[] {
    const lines = this.logLines.map((line) => JSON.parse(line) as LoggedLine);
    return jobId === undefined ? lines : lines.filter((line) => line.jobId === jobId);
  }

  /** Waits until a line that contains this text was logged about a job. */
  logged(jobId: string, text: string): Promise<LoggedLine> {
    const find = () => this.lines(jobId).find((line) => line.message.includes(text));
    return waitFor(find, { describe: `a line "${text}" about job ${jobId}` });
  }

  /** Waits until the signals of another process arrive here: a program listens some time after its start. */
  async hears(other: Harness): Promise<void> {
    const probe = randomBytes(8).toString('hex');
    let isHeard = false;
    const unsubscribe = this.engine.signals.subscribe('changed', (keys) => {
      isHeard ||= keys.includes(probe);
    });
    const isConnected = () => {
      other.engine.signals.publish('changed', [probe]);
      return isHeard;
    };
    await waitFor(isConnected, { describe: 'the signals of the other process arrive' }).finally(unsubscribe);
  }

  /** A queue as another BullMQ producer sees it. */
  queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known) return known;
    const queue = new Queue(name, { connection: this.redis, prefix: this.prefix });
    this.#queues.set(name, queue);
    return queue;
  }

  get redis(): Redis {
    this.#redis ??= new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
    return this.#redis;
  }

  /** Waits until a job has ended. */
  ended(id: string, timeoutMs?: number): Promise<JobRow> {
    return this.#until(id, 'has ended', (job) => isTerminal(job.status), timeoutMs);
  }

  /** Waits until all of many jobs have ended, with one query for all: hundreds that ask would hold up the jobs. */
  async allEnded(jobs: readonly Pick<JobRow, 'id'>[]): Promise<JobRow[]> {
    const ids = jobs.map(({ id }) => id);
    const text = 'select id, status from longshore.jobs where id = any($1::uuid[]) and finished_at is null limit 3';
    let open: object[] = [];
    const haveEnded = async () => {
      open = await this.sql(text, [ids]);
      return open.length === 0;
    };
    await waitFor(haveEnded, { describe: `${ids.length} jobs have ended`, timeoutMs: 40_000 }).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\nsome of the others: ${JSON.stringify(open)}\n${this.#lastLines()}`);
      },
    );
    return Promise.all(ids.map((id) => this.job(id)));
  }

  /** Waits until a job has a status. */
  has(id: string, status: JobStatus, timeoutMs?: number): Promise<JobRow> {
    return this.#until(id, `is ${status}`, (job) => job.status === status, timeoutMs);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.stop()));
    await this.program.stop();
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    this.#redis?.disconnect();
    if (this.#isOwner) await this.#database.drop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #until(id: string, what: string, holds: (job: JobRow) => boolean, timeoutMs = 15_000): Promise<JobRow> {
    let last: JobRow | undefined;
    const found = await waitFor(
      async () => {
        last = await this.job(id);
        return holds(last) ? last : undefined;
      },
      { describe: `job ${id} ${what}`, timeoutMs },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.#lastLines()}`);
    });
    return found;
  }

  #lastLines(): string {
    return `log:\n${this.logLines.slice(-30).join('\n')}`;
  }
}
