import type { Signals } from '../queue/signals.ts';
import { pause } from '../shared/time.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';

const POLL_MS = 1000;
/** The version of a job that was deleted. */
const GONE = 'gone';

export interface Watch {
  /** Resolves when something may have happened to the job since the last call, or after `ms`. */
  changed(ms: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

interface Watched {
  version: string | undefined;
  watchers: Set<() => void>;
}

/** Tells those who wait for jobs: by signals, and by one query a second for all of them, in case a signal was lost. */
export class JobWatcher {
  readonly #store: Store;
  readonly #signals: Signals;
  readonly #log: Logger;
  readonly #watched = new Map<string, Watched>();
  #unsubscribe: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isPolling = false;

  constructor(store: Store, signals: Signals, log: Logger) {
    this.#store = store;
    this.#signals = signals;
    this.#log = log;
  }

  start(): void {
    this.#unsubscribe = [
      this.#signals.subscribe('changed', (ids) => this.#wake(ids)),
      this.#signals.onMissed(() => this.#wake([...this.#watched.keys()])),
    ];
    this.#timer = setInterval(() => void this.#poll(), POLL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#wake([...this.#watched.keys()]);
  }

  watch(id: string): Watch {
    let wake = new AbortController();
    const onChange = () => wake.abort();
    const watched = this.#watched.get(id) ?? { version: undefined, watchers: new Set() };
    watched.watchers.add(onChange);
    this.#watched.set(id, watched);
    return {
      async changed(ms, signal) {
        await pause(ms, AbortSignal.any([wake.signal, signal]));
        wake = new AbortController();
      },
      close: () => {
        watched.watchers.delete(onChange);
        if (watched.watchers.size === 0) this.#watched.delete(id);
      },
    };
  }

  #wake(ids: readonly string[]): void {
    for (const id of ids) for (const onChange of this.#watched.get(id)?.watchers ?? []) onChange();
  }

  async #poll(): Promise<void> {
    if (this.#isPolling || this.#watched.size === 0) return;
    this.#isPolling = true;
    try {
      const versions = await this.#store.jobs.versions([...this.#watched.keys()]);
      for (const [id, watched] of this.#watched) {
        const version = versions.get(id) ?? GONE;
        if (watched.version === version) continue;
        watched.version = version;
        this.#wake([id]);
      }
    } catch (error) {
      this.#log.debug('looking for changed jobs failed; trying again', { error });
    } finally {
      this.#isPolling = false;
    }
  }
}
