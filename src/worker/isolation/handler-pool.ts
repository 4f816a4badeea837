import type { JobContext } from '../../define/context.ts';
import { locateHandler } from '../../define/isolation.ts';
import type { JobDefinition } from '../../define/job.ts';
import type { Engine } from '../../engine/engine.ts';
import { endsWithin } from '../../shared/time.ts';
import type { FileRecord } from '../../storage/job-files.ts';
import type { Guest, GuestHouse } from './guest.ts';
import { GRACE_MS, HostRun } from './host-run.ts';
import { Places } from './places.ts';
import type { Task } from './protocol.ts';
import type { IsolationSettings } from './settings.ts';

export interface HandlerPoolOptions {
  engine: Engine;
  settings: IsolationSettings;
  /** Told whether as many runs wait as may; then it makes no sense to take further jobs. */
  onFull: (isFull: boolean) => void;
}

/** What only the worker knows of a run. */
export interface IsolatedRun {
  fence: number;
  recordFile: (file: FileRecord) => Promise<void>;
  /** Called when the handler begins, unless the run is over by then. */
  onStarted: () => void;
}

type Elsewhere = 'thread' | 'process';

/** Runs handlers in threads and in child processes, so many of each at once; others wait for their turn. */
export class HandlerPool {
  readonly #options: HandlerPoolOptions;
  readonly #places: Record<Elsewhere, Places>;
  readonly #houses: Partial<Record<Elsewhere, Promise<GuestHouse>>> = {};
  readonly #open = new Set<Promise<void>>();
  #isFull = false;
  #stopping: Promise<void> | undefined;

  constructor(options: HandlerPoolOptions) {
    this.#options = options;
    const { threadsMax } = options.settings;
    const onChange = () => this.#noteWaiting();
    this.#places = { thread: new Places(threadsMax, onChange), process: new Places(threadsMax, onChange) };
  }

  /**
   * Runs the handler of a job where its definition says. What it does of its context is done through `ctx`.
   * @throws what the handler throws; a HandlerLostError when it takes its thread or process down; the reason of the
   *   signal when that aborts before it begins
   */
  async run(definition: JobDefinition, input: unknown, ctx: JobContext, run: IsolatedRun): Promise<unknown> {
    const where: Elsewhere = definition.isolation === 'process' ? 'process' : 'thread';
    const task = this.#createTask(definition, input, ctx, run);
    this.#houses[where] ??= this.#openHouse(where);
    const house = await this.#houses[where];
    const leave = await this.#places[where].enter(ctx.signal);
    if (ctx.signal.aborted || this.#stopping) {
      leave();
      throw ctx.signal.reason ?? new Error('the worker stops');
    }
    const { registry, log } = this.#options.engine;
    const { onStarted, recordFile } = run;
    const { result, over } = new HostRun(openGuest(house, leave), task, ctx, { registry, log, recordFile, onStarted });
    const closed = over.finally(() => {
      leave();
      this.#open.delete(closed);
    });
    this.#open.add(closed);
    return result;
  }

  /** Call it when every run has ended or was aborted. Ends what goes on for longer than its grace. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await endsWithin(Promise.all(this.#open), GRACE_MS);
    const houses = await Promise.allSettled(Object.values(this.#houses)); // one that could not be opened failed its runs
    await Promise.all(houses.map((house) => house.status === 'fulfilled' && house.value.stop()));
  }

  #createTask(definition: JobDefinition, input: unknown, ctx: JobContext, { fence }: IsolatedRun): Task {
    const { engine, settings } = this.#options;
    const { publicUrl } = engine.settings;
    const { attempt, job, lastCheckpoint } = ctx;
    return {
      handlerFile: locateHandler(definition.handlerFile ?? ''),
      input,
      attempt,
      job,
      lastCheckpoint,
      files: { publicUrl, job: { id: job.id, tenant: job.tenant }, run: fence },
      settings: settings.guest,
    };
  }

  async #openHouse(where: Elsewhere): Promise<GuestHouse> {
    const { settings, engine } = this.#options;
    if (where === 'thread') return new (await import('./thread-house.ts')).ThreadHouse(settings, engine.log);
    return new (await import('./process-house.ts')).ProcessHouse(settings, engine.log);
  }

  #noteWaiting(): void {
    const waiting = this.#places.thread.waiting + this.#places.process.waiting;
    const isFull = waiting >= this.#options.settings.maxWaiting;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#options.onFull(isFull);
  }
}

// A system that has no room for another process says so by throwing.
function openGuest(house: GuestHouse, leave: () => void): Guest {
  try {
    return house.open();
  } catch (error) {
    leave();
    throw error;
  }
}
