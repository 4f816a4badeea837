import { loadServices } from '../../define/jobs-folder.ts';
import type { Registry } from '../../define/registry.ts';
import type { Services } from '../../define/services.ts';
import { openServices } from '../../services/open-services.ts';
import { openStorage } from '../../storage/open-storage.ts';
import type { FileStorage } from '../../storage/storage.ts';
import type { Database } from '../../store/database.ts';
import type { Store } from '../../store/store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { GuestSettings } from './protocol.ts';

/** A guest runs one handler at a time, and most of them use no database. */
const POOL_SIZE = 2;
const QUERY_TIMEOUT_MS = 10_000;
const APPLICATION_NAME = 'longshore handler';

interface OpenedGuest {
  services: Services;
  storage: FileStorage;
  close(): Promise<void>;
}

/** The services of a thread or child process: made with its first handler, then kept. */
export class GuestServices {
  readonly #log: Logger;
  #opening: Promise<OpenedGuest> | undefined;
  #database: Database | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @throws INVALID_DEFINITION when `services.ts` in JOBS_DIR cannot be loaded */
  async get(settings: GuestSettings): Promise<Pick<OpenedGuest, 'services' | 'storage'>> {
    this.#opening ??= this.#open(settings);
    try {
      return await this.#opening;
    } catch (error) {
      this.#opening = undefined; // what it needs may be there the next time
      throw error;
    }
  }

  /** Ends what is still under way, so let the handler end first. */
  async close(): Promise<void> {
    const opened = await this.#opening;
    await opened?.close();
    opened?.storage.close();
    await this.#database?.close();
  }

  async #open(settings: GuestSettings): Promise<OpenedGuest> {
    const own = await loadServices(settings.jobsDir);
    let store: Promise<Store> | undefined;
    const getStore = () => {
      store ??= this.#connect(settings.databaseUrl);
      return store;
    };
    let named: Promise<Registry> | undefined;
    const getNamed = () => {
      named ??= loadNamed(settings.jobsDir);
      return named;
    };
    return { ...openServices(settings.services, { getStore, getNamed }, own), storage: openStorage(settings.storage) };
  }

  async #connect(url: string): Promise<Store> {
    const [{ openDatabase }, { createStore }] = await Promise.all([
      import('../../store/database.ts'),
      import('../../store/store.ts'),
    ]);
    this.#database = openDatabase({
      url,
      poolSize: POOL_SIZE,
      queryTimeoutMs: QUERY_TIMEOUT_MS,
      applicationName: APPLICATION_NAME,
      log: this.#log,
    });
    return createStore(this.#database);
  }
}

/** Few handlers need it, and it loads all files of JOBS_DIR. */
async function loadNamed(jobsDir: string): Promise<Registry> {
  const [{ loadDefinitions }, { createRegistry }, { builtinQueries }] = await Promise.all([
    import('../../define/load-jobs.ts'),
    import('../../define/registry.ts'),
    import('../../store/builtin-queries.ts'),
  ]);
  const { queries, connectors } = await loadDefinitions(jobsDir);
  return createRegistry([], { queries: [...builtinQueries, ...queries], connectors });
}
