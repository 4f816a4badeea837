import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { builtinConnectors, builtinJobs } from './builtin/index.ts';
import type { LoadedJobs } from './define/load-jobs.ts';
import { createRegistry, type Registry } from './define/registry.ts';
import type { Services } from './define/services.ts';
import { BatchWaker } from './engine/batches/waker.ts';
import { Dispatcher } from './engine/dispatch.ts';
import type { Engine } from './engine/engine.ts';
import { FreedPlaces } from './engine/freed-places.ts';
import { Gatekeeper } from './engine/gatekeeper.ts';
import { KeyRing } from './engine/key-ring.ts';
import { PipelineWaker } from './engine/pipelines/waker.ts';
import { recordJobTypes } from './engine/record-job-types.ts';
import { RequestRates } from './engine/request-rates.ts';
import { Scheduler } from './engine/schedules/scheduler.ts';
import { Subscribers } from './engine/subscribers.ts';
import { TenantLimitBook } from './engine/tenant-limits.ts';
import { Maintenance } from './engine/upkeep/maintenance.ts';
import { JobWatcher } from './engine/watch.ts';
import { WebhookSender } from './engine/webhooks.ts';
import type { Env } from './env.ts';
import { findRateLimitOverride, redactUrl } from './env.ts';
import { createPostgresTransport } from './queue/postgres-transport.ts';
import { Signals } from './queue/signals.ts';
import type { Transport } from './queue/transport.ts';
import { createTransports } from './queue/transports.ts';
import { chooseGuest, chooseIsolation } from './service-settings.ts';
import { openServices } from './services/open-services.ts';
import { AppError } from './shared/errors.ts';
import { endsWithin, systemClock } from './shared/time.ts';
import { createWebhookSecret } from './shared/webhook-signature.ts';
import { openStorage } from './storage/open-storage.ts';
import type { FileStorage } from './storage/storage.ts';
import { parseStorageUrl } from './storage/storage-settings.ts';
import { builtinQueries } from './store/builtin-queries.ts';
import { waitForPostgres } from './store/connect.ts';
import { type Database, openDatabase } from './store/database.ts';
import { createGroupedWrites } from './store/grouped-writes.ts';
import { isMigrated, migrate } from './store/migrate.ts';
import type { RequestCounter } from './store/request-counter.ts';
import { WEBHOOK_SECRET_SETTING } from './store/settings.ts';
import { createStore } from './store/store.ts';
import type { Logger } from './telemetry/logger.ts';
import type { IsolationSettings } from './worker/isolation/settings.ts';

/** The program's statements take milliseconds. */
const QUERY_TIMEOUT_MS = 10_000;
/** By then a worker whose heartbeat failed has repeated it. */
const HEARTBEAT_RETRY_MS = 2000;
const HEARTBEAT_MAX_MS = 5000;
/** How long a stop waits for writes whose callers have gone. */
const WRITE_GRACE_MS = 2000;

/** The parts that every MODE has. */
export interface Program {
  engine: Engine;
  services: Services;
  /** What a worker needs to run handlers apart. */
  isolation: IsolationSettings;
  /** Starts what the API and the worker need: signals, and handing over what is enqueued. Idempotent. */
  open(): Promise<void>;
  /** Opens it, and starts what works in the background. Those are many queries at once: what has to be quick comes before. */
  start(): Promise<void>;
  /** Stops it and closes every connection. Call it when nothing uses the engine any more. */
  stop(): Promise<void>;
}

export interface AssembleOptions {
  env: Env;
  /** What JOBS_DIR holds; the built-in jobs are added to it. */
  jobs: LoadedJobs;
  version: string;
  log: Logger;
}

/**
 * Puts the program together: database, jobs, transports, engine.
 * @throws INVALID_CONFIGURATION, INVALID_DEFINITION, STORE_UNAVAILABLE, TRANSPORT_UNAVAILABLE
 */
export async function assemble({ env, jobs, version, log }: AssembleOptions): Promise<Program> {
  const registry = createRegistry([...builtinJobs, ...jobs.definitions], {
    findRateLimit: (queue) => findRateLimitOverride(env, queue),
    queries: [...builtinQueries, ...jobs.queries],
    connectors: [...builtinConnectors, ...jobs.connectors],
  });
  const storage = openStorage(parseStorageUrl(env.storageUrl, env.storageDir));
  const opening = openBullMq(env, log);
  if (env.databaseUrl === undefined) await opening; // a start that waits for Redis may be given up, and starts no server
  const preparing = preparePostgres(env, log);
  try {
    const [bullmq, postgres] = await Promise.all([opening, preparing]);
    return await connectParts({ env, jobs, version, log }, { registry, storage, postgres, bullmq });
  } catch (error) {
    // A database that was started for us must not outlive a start that fails. What it failed with is thrown already.
    await preparing.then(
      (postgres) => postgres.stop(),
      () => undefined,
    );
    throw error;
  }
}

interface Parts {
  registry: Registry;
  storage: FileStorage;
  postgres: PreparedPostgres;
  bullmq: Transport | undefined;
}

async function connectParts(
  { env, jobs, version, log }: AssembleOptions,
  { registry, storage, postgres, bullmq }: Parts,
): Promise<Program> {
  const { database } = postgres;
  const store = createStore(database);
  const signals = new Signals(database, log);
  const postgresTransport = createPostgresTransport({ store, signals, pollIntervalMs: env.pollIntervalMs, log });
  const transports = createTransports(postgresTransport, bullmq, registry.queues);
  const guest = chooseGuest(env, storage.settings, postgres.url);
  const { services, outbound, close } = openServices(
    guest.services,
    { getStore: async () => store, getNamed: async () => registry },
    jobs.services,
  );
  const queues = [...registry.queues.keys()];
  const gatekeeper = new Gatekeeper();
  const limits = new TenantLimitBook(store, signals, log);
  const freedPlaces = new FreedPlaces();
  const dispatcher = new Dispatcher({
    store,
    transports,
    signals,
    queues,
    intervalMs: env.dispatchIntervalMs,
    batchSize: env.dispatchBatchSize,
    windowSize: env.dispatchWindow,
    gatekeeper,
    limits,
    log,
  });
  const waker = new PipelineWaker();
  const scheduler = new Scheduler();
  const batchWaker = new BatchWaker();
  const watcher = new JobWatcher(store, signals, log);
  const subscribers = new Subscribers(store, signals, log);
  const keys = new KeyRing({ store, signals, log });
  const requestRates = new RequestRates(() => openCounter(env, database, log));
  const engine: Engine = {
    store,
    writes: createGroupedWrites(store),
    registry,
    transports,
    signals,
    dispatcher,
    waker,
    scheduler,
    batchWaker,
    gatekeeper,
    freedPlaces,
    watcher,
    subscribers,
    keys,
    limits,
    requestRates,
    outbound,
    storage,
    clock: systemClock,
    log,
    settings: {
      maxInputBytes: env.maxBodyBytes,
      maxOutputBytes: env.maxOutputBytes,
      publicUrl: env.publicUrl,
      maxUploadBytes: env.maxUploadBytes,
      retentionUploadDays: env.retentionUploadDays,
    },
  };
  const secret = env.webhookSecret ?? (await store.settings.getOrCreate(WEBHOOK_SECRET_SETTING, createWebhookSecret));
  const sender = new WebhookSender({ store, outbound, signals, secret, userAgent: `longshore/${version}`, log });
  const maintenance = new Maintenance({
    engine,
    heldQueues: queues.filter((queue) => transports.of(queue).held),
    holder: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
    leaseMs: env.leaderLeaseMs,
    rescueIntervalMs: env.stalledIntervalMs,
    steadyMs: heartbeatMsOf(env) + HEARTBEAT_RETRY_MS,
    reconcileIntervalMs: env.reconcileIntervalMs,
    retention: { completedDays: env.retentionCompletedDays, failedDays: env.retentionFailedDays },
    notificationDays: env.retentionNotificationDays,
    alertUrl: env.alertWebhookUrl,
  });

  let opening: Promise<void> | undefined;
  const open = () => {
    opening ??= startParts();
    return opening;
  };
  const startParts = async () => {
    signals.start();
    watcher.start();
    gatekeeper.start(engine);
    freedPlaces.start(engine);
    subscribers.start();
    keys.start();
    await limits.start(); // before anything is handed over
    await Promise.all([dispatcher.start(), recordJobTypes(engine)]);
  };

  return {
    engine,
    services,
    isolation: chooseIsolation(env, guest),
    open,
    async start() {
      await open();
      waker.start(engine);
      scheduler.start(engine);
      batchWaker.start(engine);
      sender.start();
      maintenance.start();
    },
    async stop() {
      const loops = [
        maintenance,
        waker,
        batchWaker,
        scheduler,
        sender,
        gatekeeper,
        freedPlaces,
        dispatcher,
        subscribers,
      ];
      await Promise.all(loops.map((loop) => loop.stop()));
      watcher.stop();
      await Promise.all([keys.stop(), limits.stop(), requestRates.stop()]);
      await endsWithin(engine.writes.settled(), WRITE_GRACE_MS);
      log.debug('writes that shared a commit', engine.writes.getStats());
      await signals.stop();
      await Promise.all(transports.all.map((transport) => transport.stop()));
      await close();
      storage.close();
      await postgres.stop();
    },
  };
}

/** Counts what tenants with a limit ask for, where all processes see it. */
async function openCounter({ redisUrl, queuePrefix }: Env, database: Database, log: Logger): Promise<RequestCounter> {
  if (redisUrl === undefined) {
    const { createPostgresCounter } = await import('./store/request-counter.ts');
    return createPostgresCounter(database);
  }
  const { createRedisCounter } = await import('./queue/redis-request-counter.ts');
  return createRedisCounter(redisUrl, queuePrefix, log);
}

interface PreparedPostgres {
  url: string;
  database: Database;
  /** Closes the database, and stops a server that was started for it. */
  stop(): Promise<void>;
}

async function preparePostgres(env: Env, log: Logger): Promise<PreparedPostgres> {
  const server = await openServer(env, log);
  const database = openDatabase({
    url: server.url,
    poolSize: env.databasePoolSize,
    queryTimeoutMs: QUERY_TIMEOUT_MS,
    log,
  });
  const stop = async () => {
    await database.close();
    await server.stop();
  };
  try {
    if (env.databaseUrl !== undefined) {
      await waitForPostgres(database, redactUrl(env.databaseUrl), env.connectTimeoutMs, log);
    }
    await bringUpToDate(database, server.url, env, log);
    return { url: server.url, database, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function bringUpToDate(database: Database, url: string, { autoMigrate }: Env, log: Logger): Promise<void> {
  if (await isMigrated(database)) return;
  if (!autoMigrate) {
    const detail = 'the database lacks migrations and AUTO_MIGRATE is false: run "longshore admin migrate"';
    throw new AppError('INVALID_CONFIGURATION', detail);
  }
  await migrate(url, log);
}

async function openServer(env: Env, log: Logger): Promise<{ url: string; stop(): Promise<void> }> {
  if (env.databaseUrl !== undefined) return { url: env.databaseUrl, stop: async () => undefined };
  const { startEmbeddedPostgres } = await import('./store/embedded-postgres.ts');
  return startEmbeddedPostgres({ dataDir: env.dataDir, log });
}

async function openBullMq(env: Env, log: Logger): Promise<Transport | undefined> {
  if (env.redisUrl === undefined) return undefined;
  const [{ waitForRedis }, { judgeRedis, judgeRedisMemory }, { createBullMqTransport }] = await Promise.all([
    import('./queue/wait-for-redis.ts'),
    import('./engine/doctor/judge-servers.ts'),
    import('./queue/bullmq-transport.ts'),
  ]);
  const shownUrl = redactUrl(env.redisUrl);
  const facts = await waitForRedis(env.redisUrl, shownUrl, env.connectTimeoutMs, log);
  // What `longshore admin doctor` calls wrong too. Not a reason to refuse the start: the record keeps the jobs.
  for (const { verdict, found, advice } of [judgeRedis(facts, shownUrl), judgeRedisMemory(facts)]) {
    if (verdict === 'wrong') log.warn(`Redis: ${found}. ${advice}`);
  }
  return createBullMqTransport({
    url: env.redisUrl,
    prefix: env.queuePrefix,
    lockDurationMs: env.lockDurationMs,
    stalledIntervalMs: env.stalledIntervalMs,
    log,
  });
}

/**
 * The queues that this worker serves.
 * @throws INVALID_CONFIGURATION when QUEUES names one that no job is for
 */
export function chooseQueues(wanted: readonly string[] | undefined, registry: Registry): string[] {
  const known = [...registry.queues.keys()];
  const unknown = wanted?.filter((queue) => !known.includes(queue)) ?? [];
  if (unknown.length > 0) {
    throw new AppError('INVALID_CONFIGURATION', `QUEUES names ${unknown.join(', ')}; queues are: ${known.join(', ')}`);
  }
  return wanted && wanted.length > 0 ? [...wanted] : known;
}

/** How often a worker says that it lives: several times within its lease. */
export function heartbeatMsOf(env: Env): number {
  return Math.min(HEARTBEAT_MAX_MS, Math.round(env.lockDurationMs / 3));
}
