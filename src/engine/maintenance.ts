import { expireJobs } from './control.ts';
import type { Engine } from './engine.ts';
import { Loop } from './loop.ts';

export interface MaintenanceOptions {
  engine: Engine;
  /** The queues whose runs are leased by heartbeat: those of the Postgres transport. */
  leasedQueues: readonly string[];
  rescueIntervalMs: number;
}

const BATCH = 500;
const EXPIRY_INTERVAL_MS = 1000;
const FORGET_WORKERS_MS = 3_600_000;

/** What must happen although nobody asks: rescue, expiry. Every statement skips what another process works on. */
export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #loops: Loop[];

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    const { log } = options.engine;
    this.#loops = [
      new Loop('rescuing', log, () => this.#rescue()),
      new Loop('expiring', log, async () =>
        (await expireJobs(options.engine, BATCH)) === BATCH ? 0 : EXPIRY_INTERVAL_MS,
      ),
    ];
  }

  start(): void {
    for (const loop of this.#loops) loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  async #rescue(): Promise<number> {
    const { engine, leasedQueues, rescueIntervalMs } = this.#options;
    const rescued = await engine.store.claims.rescueLost(leasedQueues, BATCH);
    for (const run of rescued) {
      engine.log.warn('the worker of a run is gone; the job runs again', {
        jobId: run.id,
        type: run.type,
        queue: run.queue,
        lost: run.worker,
        rescues: run.rescues,
      });
    }
    engine.signals.publish('work', [...new Set(rescued.map((run) => run.queue))]);
    engine.signals.publish(
      'changed',
      rescued.map((run) => run.id),
    );
    await engine.store.workers.removeSilent(FORGET_WORKERS_MS);
    return rescued.length === BATCH ? 0 : rescueIntervalMs;
  }
}
