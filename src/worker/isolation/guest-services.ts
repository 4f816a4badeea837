import { loadServices } from '../../define/load-jobs.ts';
import type { Services } from '../../define/services.ts';
import { openServices } from '../../services/open-services.ts';
import type { Database } from '../../store/database.ts';
import type { Store } from '../../store/store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { GuestSettings } from './protocol.ts';

/** A guest runs one handler at a time, and most of them use no database. */
const POOL_SIZE = 2;
const QUERY_TIMEOUT_MS = 10_000;

/** The services of a thread or child process: made with its first handler, then kept. */
export class GuestServices {
  readonly #log: Logger;
  #opening: Promise<{ services: Services; close(): Promise<void> }> | undefined;
  #database: Database | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @throws INVALID_DEFINITION when `services.ts` in JOBS_DIR cannot be loaded */
  async get(settings: GuestSettings): Promise<Services> {
    this.#opening ??= this.#open(settings);
    try {
      return (await this.#opening).services;
    } catch (error) {
      this.#opening = undefined; // what it needs may be there the next time
      throw error;
    }
  }

  /** Ends what is still under way, so let the handler end first. */
  async close(): Promise<void> {
    await (await this.#opening)?.close();
    await this.#database?.close();
  }

  async #open(settings: GuestSettings): Promise<{ services: Services; close(): Promise<void> }> {
    const own = await loadServices(settings.jobsDir);
    let store: Promise<Store> | undefined;
    const getStore = () => {
      store ??= this.#connect(settings.databaseUrl);
      return store;
    };
    return openServices(settings.services, { getStore }, own);
  }

  async #connect(url: string): Promise<Store> {
    const [{ openDatabase }, { createStore }] = await Promise.all([
      import('../../store/database.ts'),
      import('../../store/store.ts'),
    ]);
    this.#database = openDatabase({ url, poolSize: POOL_SIZE, queryTimeoutMs: QUERY_TIMEOUT_MS, log: this.#log });
    return createStore(this.#database);
  }
}
