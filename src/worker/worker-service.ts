import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Services } from '../define/services.ts';
import type { Engine } from '../engine/engine.ts';
import { keyWindowMsOf } from '../engine/gatekeeper.ts';
import type { Consumer } from '../queue/transport.ts';
import { endsWithin } from '../shared/time.ts';
import type { WorkerRow } from '../store/workers.ts';
import { Heartbeat } from './heartbeat.ts';
import type { HandlerPool } from './isolation/handler-pool.ts';
import type { IsolationSettings } from './isolation/settings.ts';
import { Journal } from './journal.ts';
import { runAttempt } from './run-attempt.ts';
import { RunningJobs } from './running-jobs.ts';

export interface WorkerServiceOptions {
  engine: Engine;
  services: Services;
  /** For jobs whose handlers run in threads or child processes. */
  isolation: IsolationSettings;
  /** The queues to serve. */
  queues: readonly string[];
  /** Jobs that a queue runs at once in this process. */
  concurrencyOf: (queue: string) => number;
  heartbeatMs: number;
  /** How long the worker counts as alive after a heartbeat: by then others may take its runs. */
  leaseMs: number;
  shutdownTimeoutMs: number;
  version: string;
}

export interface WorkerHealth {
  status: 'starting' | 'ok' | 'stopping' | 'stopped';
  worker: string;
  uptimeMs: number;
  running: number;
  queues: { name: string; transport: string; concurrency: number; running: number }[];
  lastHeartbeatMs: number | null;
}

export interface WorkerStats {
  started: number;
  ended: Record<
    'completed' | 'failed' | 'retry' | 'later' | 'put_back' | 'discarded' | 'suspended' | 'unrecorded',
    number
  >;
  running: { jobId: string; type: string; fence: number; runningMs: number }[];
}

const CLOSE_GRACE_MS = 3000;
/** How long the program waits for handlers whose runs are over: they may clean up. */
const CLEAN_UP_MS = 1000;

/** Runs jobs: one consumer for every queue, one heartbeat for the process. */
export class WorkerService {
  readonly id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  readonly #options: WorkerServiceOptions;
  readonly #consumers = new Map<string, Consumer>();
  readonly #running = new RunningJobs();
  readonly #journal: Journal;
  readonly #heartbeat: Heartbeat;
  readonly #startedAtMs = Date.now();
  readonly #stats: WorkerStats['ended'] = {
    completed: 0,
    failed: 0,
    retry: 0,
    later: 0,
    put_back: 0,
    discarded: 0,
    suspended: 0,
    unrecorded: 0,
  };
  #started = 0;
  #status: WorkerHealth['status'] = 'starting';
  #unsubscribe: () => void = () => undefined;
  #handlerPool: Promise<HandlerPool> | undefined;
  /** Why queues take no jobs now. */
  readonly #pauses = { lost: false, full: false };
  #stopping: Promise<void> | undefined;

  constructor(options: WorkerServiceOptions) {
    this.#options = options;
    const { store, signals, log } = options.engine;
    this.#journal = new Journal(store, signals, log);
    this.#heartbeat = new Heartbeat({
      engine: options.engine,
      running: this.#running,
      intervalMs: options.heartbeatMs,
      describe: () => this.#describe(),
      onLost: () => this.#pause({ lost: true }),
      onBack: () => this.#pause({ lost: false }),
    });
  }

  /** Makes the consumer of a queue; `start` starts it. */
  createWorker(queue: string): Consumer {
    const known = this.#consumers.get(queue);
    if (known) return known;
    const { engine, services, concurrencyOf } = this.#options;
    const attempt = {
      engine,
      services,
      worker: this.id,
      journal: this.#journal,
      running: this.#running,
      getHandlerPool: () => this.#getHandlerPool(),
      onStoreAway: () => this.#heartbeat.suspect(),
      hasLease: () => !this.#heartbeat.isLost,
    };
    const consumer = engine.transports.of(queue).consume(
      {
        queue,
        concurrency: concurrencyOf(queue),
        rateLimit: engine.registry.queues.get(queue)?.rateLimit,
        keyWindowMs: keyWindowMsOf(engine, queue),
        worker: this.id,
        types: [...engine.registry.definitions.keys()],
      },
      async (offer, onHandled) => {
        this.#started += 1;
        const verdict = await runAttempt(attempt, offer, onHandled);
        this.#stats[verdict.kind] += 1;
        return verdict;
      },
    );
    this.#consumers.set(queue, consumer);
    return consumer;
  }

  async start(): Promise<void> {
    for (const queue of this.#options.queues) this.createWorker(queue);
    await this.#heartbeat.start();
    this.#unsubscribe = this.#options.engine.signals.subscribe('cancel', (ids) =>
      this.#running.abort(ids, 'cancelled'),
    );
    await Promise.all([...this.#consumers.values()].map((consumer) => consumer.start()));
    this.#status = 'ok';
  }

  /**
   * Takes no more jobs and lets running ones finish until the shutdown timeout; then aborts them and puts them back.
   * Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { engine, shutdownTimeoutMs } = this.#options;
    this.#status = 'stopping';
    const drained = Promise.all([...this.#consumers.values()].map((consumer) => consumer.stop()));
    if (!(await endsWithin(drained, shutdownTimeoutMs))) {
      engine.log.warn(`${this.#running.count} jobs run longer than the shutdown timeout; they are put back`);
      this.#running.close();
      await endsWithin(drained, CLOSE_GRACE_MS);
    }
    if (!(await endsWithin(this.#running.handlersGone(), CLEAN_UP_MS))) {
      engine.log.warn('handlers go on although their runs are over; they are left behind');
    }
    this.#unsubscribe();
    await Promise.all([this.#heartbeat.stop(), this.#handlerPool?.then((pool) => pool.stop())]);
    await this.#journal.flush();
    if (this.#running.count === 0) await this.#signOff();
    this.#status = 'stopped';
  }

  // Without it the row is forgotten by age; the database may be away while we stop.
  async #signOff(): Promise<void> {
    const { store, log } = this.#options.engine;
    await store.workers.remove(this.id).catch((error: unknown) => log.warn('the worker could not sign off', { error }));
  }

  getHealth(): WorkerHealth {
    const { engine, concurrencyOf } = this.#options;
    const { lastAtMs } = this.#heartbeat;
    return {
      status: this.#status,
      worker: this.id,
      uptimeMs: Date.now() - this.#startedAtMs,
      running: this.#running.count,
      queues: [...this.#consumers].map(([name, consumer]) => ({
        name,
        transport: engine.transports.of(name).name,
        concurrency: concurrencyOf(name),
        running: consumer.running,
      })),
      lastHeartbeatMs: lastAtMs === undefined ? null : Date.now() - lastAtMs,
    };
  }

  /** The same as {@link getHealth}, as text for people. */
  getHealthReport(): string {
    const health = this.getHealth();
    const lines = [
      `worker ${health.worker}: ${health.status}, up ${Math.round(health.uptimeMs / 1000)} s, ${health.running} running`,
      ...health.queues.map(
        (queue) => `  ${queue.name} (${queue.transport}): ${queue.running} of ${queue.concurrency} slots in use`,
      ),
    ];
    return lines.join('\n');
  }

  getStats(): WorkerStats {
    return { started: this.#started, ended: { ...this.#stats }, running: this.#running.list() };
  }

  #describe(): WorkerRow {
    const { queues, concurrencyOf, version, leaseMs } = this.#options;
    return {
      id: this.id,
      host: hostname(),
      pid: process.pid,
      version,
      queues: [...queues],
      concurrency: queues.reduce((sum, queue) => sum + concurrencyOf(queue), 0),
      running: this.#running.count,
      leaseMs,
    };
  }

  // Loaded with the first job that needs it: most programs have none.
  #getHandlerPool(): Promise<HandlerPool> {
    this.#handlerPool ??= import('./isolation/handler-pool.ts').then(({ HandlerPool }) => {
      const { engine, isolation: settings } = this.#options;
      const onFull = (full: boolean) => {
        engine.log.info(
          full ? 'too many isolated jobs wait; their queues take no more' : 'isolated jobs are taken again',
        );
        this.#pause({ full });
      };
      return new HandlerPool({ engine, settings, onFull });
    });
    return this.#handlerPool;
  }

  /**
   * Takes no jobs while the record cannot be reached (BullMQ would go on to offer them), and none of queues with isolated
   * jobs while too many of those wait.
   */
  #pause(change: Partial<{ lost: boolean; full: boolean }>): void {
    const isPaused = (queue: string) => this.#pauses.lost || (this.#pauses.full && this.#hasIsolatedJobs(queue));
    const queues = [...this.#consumers.keys()];
    const before = new Set(queues.filter(isPaused));
    Object.assign(this.#pauses, change);
    for (const [queue, consumer] of this.#consumers) {
      if (isPaused(queue) && !before.has(queue)) consumer.suspend();
      if (!isPaused(queue) && before.has(queue) && !this.#stopping) consumer.resume();
    }
  }

  #hasIsolatedJobs(queue: string): boolean {
    const definitions = [...this.#options.engine.registry.definitions.values()];
    return definitions.some((definition) => definition.queue.name === queue && definition.isolation !== 'none');
  }
}
