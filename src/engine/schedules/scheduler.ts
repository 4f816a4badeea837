import type { Engine } from '../engine.ts';
import { Loop } from '../loop.ts';
import { BATCH, fireDue, STRANGER_MS, startWaiting } from './fire.ts';
import { DefinitionKeeper } from './keep-definitions.ts';

/** How soon a process sees what no signal has told it. */
const POLL_MS = 10_000;
/** When to look again at schedules that are due and locked: another process has them in its hands. */
const LOCKED_PAUSE_MS = 50;

/**
 * Enqueues the jobs of schedules when they are due. Every process has one: a lock in the statement keeps two from
 * doing the same, so none has to lead, and none is missed.
 */
export class Scheduler {
  #loops: Loop[] = [];
  #firing: Loop | undefined;
  #engine: Engine | undefined;
  #unsubscribe: (() => void) | undefined;

  start(engine: Engine): void {
    if (this.#firing) return;
    this.#engine = engine;
    const keeper = new DefinitionKeeper(engine);
    this.#firing = new Loop('firing schedules', engine.log, () => work(engine));
    this.#loops = [new Loop('keeping the schedules of the code', engine.log, () => keeper.keep()), this.#firing];
    this.#unsubscribe = engine.signals.subscribe('schedule', () => this.wake());
    for (const loop of this.#loops) loop.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  /** A job of a schedule has ended, or a schedule has changed: one may be due. */
  wake(): void {
    this.#firing?.wake();
  }

  /** Schedules have changed, and that is committed: tells all processes. */
  announce(ids: readonly string[]): void {
    this.#engine?.signals.publish('schedule', ids);
  }
}

async function work(engine: Engine): Promise<number> {
  const fired = await fireDue(engine);
  const started = await startWaiting(engine);
  if (fired === BATCH || started === BATCH) return 0;
  const types = [...engine.registry.definitions.keys()];
  const dueInMs = (await engine.store.scheduleFiring.nextDueMs(types, STRANGER_MS)) ?? POLL_MS;
  return Math.min(POLL_MS, dueInMs === 0 && fired === 0 ? LOCKED_PAUSE_MS : dueInMs);
}
