import { endsWithin } from '../../shared/time.ts';
import { MAINTENANCE_LEASE } from '../../store/leases.ts';
import { expireJobs } from '../control.ts';
import type { Engine } from '../engine.ts';
import { Loop } from '../loop.ts';
import { sendAlerts } from './alerts.ts';
import { createFileExpiry } from './expire-files.ts';
import { freeIdlePlaces } from './free-idle-places.ts';
import { createIndexing } from './index-jobs.ts';
import { Leadership } from './leadership.ts';
import { reconcile } from './reconcile.ts';
import { remindPipelines } from './remind.ts';
import { removeOldNotifications } from './remove-notifications.ts';
import { rescueLostRuns } from './rescue.ts';
import { type RetentionSettings, removeExpiredJobs } from './retention.ts';
import { runBulkActions } from './run-bulk-actions.ts';
import { sweepFiles } from './sweep-files.ts';
import { createGateSweep } from './sweep-gates.ts';
import { trimScheduleRuns } from './trim-schedule-runs.ts';

export interface MaintenanceOptions {
  engine: Engine;
  /** The queues whose jobs a transport holds. */
  heldQueues: readonly string[];
  /** Tells this process from all others. */
  holder: string;
  leaseMs: number;
  rescueIntervalMs: number;
  /** How long the database must have answered before a silent worker counts as dead. */
  steadyMs: number;
  reconcileIntervalMs: number;
  retention: RetentionSettings;
  /** How long messages to users are kept; 0 for ever. */
  notificationDays: number;
  /** Where to tell of failures; secret. */
  alertUrl: string | undefined;
}

const BATCH = 500;
const EXPIRY_INTERVAL_MS = 1000;
const TIDY_INTERVAL_MS = 60_000;
const EPOCH_INTERVAL_MS = 1000;
const RECHECK_MS = 3000;
const STOP_GRACE_MS = 3000;
const FORGET_WORKERS_MS = 3_600_000;
/** How often a loop of a process that does not lead looks whether it does; it is woken when it begins to. */
const FOLLOWER_INTERVAL_MS = 60_000;

/** What must happen although nobody asks. One process leads it; what it does is guarded all the same. */
export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #leadership: Leadership;
  readonly #stopping = new AbortController();
  readonly #loops: Loop[];
  #epoch: number | undefined;
  #reconcileAtMs = 0;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    const { engine, heldQueues, holder, leaseMs, retention, notificationDays, alertUrl } = options;
    this.#loops = [
      this.#lead('rescuing', () => this.#rescue()),
      this.#lead('expiring', async () => ((await expireJobs(engine, BATCH)) === BATCH ? 0 : EXPIRY_INTERVAL_MS)),
      this.#lead('tidying', () => this.#tidy()),
      ...(heldQueues.length > 0
        ? [
            this.#lead('reconciling', () => this.#reconcile()),
            this.#lead('taking back jobs that nobody serves', () => freeIdlePlaces(engine)),
          ]
        : []),
      this.#lead('reminding pipelines', () => this.#remind()),
      this.#lead('taking jobs back from BullMQ', () => this.#takeBack()),
      this.#lead('looking for jobs without their turn', createGateSweep(engine)),
      this.#lead('doing bulk actions', () => runBulkActions(engine)),
      this.#lead('indexing jobs', createIndexing(engine)),
      this.#lead('removing what is old', () => removeExpiredJobs(engine, retention)),
      this.#lead('removing the history of schedules', () => trimScheduleRuns(engine, retention)),
      this.#lead('removing files that have expired', createFileExpiry(engine)),
      this.#lead('removing files of jobs that are gone', () => sweepFiles(engine)),
      ...(notificationDays === 0
        ? []
        : [this.#lead('removing messages to users', () => removeOldNotifications(engine, notificationDays))]),
      ...(alertUrl === undefined ? [] : [this.#lead('sending alerts', () => sendAlerts(engine, alertUrl))]),
    ];
    this.#leadership = new Leadership({
      store: engine.store,
      name: MAINTENANCE_LEASE,
      holder,
      leaseMs,
      onGained: () => {
        this.#reconcileAtMs = 0; // what happened before is not known
        this.#epoch = undefined; // another leader has counted since
        for (const loop of this.#loops) loop.wake();
      },
      log: engine.log,
    });
  }

  start(): void {
    for (const loop of this.#loops) loop.start();
    this.#leadership.start();
  }

  /** Loops end after the batch that they are at; one that waits for a Redis that is away is not waited for. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await endsWithin(Promise.all(this.#loops.map((loop) => loop.stop())), STOP_GRACE_MS);
    await this.#leadership.stop();
  }

  #lead(name: string, work: () => Promise<number>): Loop {
    const { log } = this.#options.engine;
    return new Loop(name, log, async () => (this.#leadership.isLeader ? work() : FOLLOWER_INTERVAL_MS));
  }

  async #rescue(): Promise<number> {
    const { engine, rescueIntervalMs, steadyMs } = this.#options;
    // After an outage of the database every worker has been silent: they get the time to say that they live.
    const unsteadyMs = steadyMs - this.#leadership.steadyMs;
    if (unsteadyMs > 0) return unsteadyMs;
    const rescued = await rescueLostRuns(engine, BATCH);
    return rescued === BATCH ? 0 : rescueIntervalMs;
  }

  async #tidy(): Promise<number> {
    const { workers, idempotency, gates } = this.#options.engine.store;
    await workers.removeSilent(FORGET_WORKERS_MS);
    const removed = [await idempotency.removeExpired(BATCH), await gates.removeOldWindows(BATCH)];
    return removed.includes(BATCH) ? 0 : TIDY_INTERVAL_MS;
  }

  async #remind(): Promise<number> {
    await remindPipelines(this.#options.engine);
    return this.#options.reconcileIntervalMs;
  }

  async #takeBack(): Promise<number> {
    await this.#options.engine.dispatcher.takeBack();
    return this.#options.reconcileIntervalMs;
  }

  async #reconcile(): Promise<number> {
    const { engine, heldQueues, reconcileIntervalMs } = this.#options;
    const hasLostData = await this.#hasLostData();
    if (hasLostData) {
      engine.log.warn('Redis has lost data: comparing it with the record');
      this.#reconcileAtMs = 0; // a comparison that fails is made again at once
    }
    if (performance.now() < this.#reconcileAtMs) return EPOCH_INTERVAL_MS;
    await reconcile(engine, heldQueues, { isDryRun: false, signal: this.#stopping.signal });
    engine.dispatcher.wake();
    // Jobs that were handed over in the moment of the loss are spared by their age: the next comparison sees them.
    this.#reconcileAtMs = performance.now() + (hasLostData ? RECHECK_MS : reconcileIntervalMs);
    return EPOCH_INTERVAL_MS;
  }

  /** Redis counts along; it has lost data when its count does not follow ours. */
  async #hasLostData(): Promise<boolean> {
    const { engine } = this.#options;
    const held = engine.transports.all.flatMap((transport) => transport.held ?? [])[0];
    const last = this.#epoch;
    this.#epoch = await held?.countUp();
    return last !== undefined && this.#epoch !== last + 1;
  }
}
