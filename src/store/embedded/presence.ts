import pg from 'pg';
import { messageOf } from '../../shared/failure.ts';
import type { ServerLog } from './log.ts';

const NAME = 'longshore presence';
const REOPEN_MS = 1000;

/** `@types/pg` lacks the two. */
type Client = pg.Client & { ref(): void; unref(): void };

/**
 * One idle connection by which the others see that this process uses the server. It ends with the process, however that
 * ends, and never keeps the process alive.
 */
export class Presence {
  readonly #config: pg.ClientConfig;
  readonly #log: ServerLog;
  #client: Client | undefined;
  #isClosed = false;

  constructor(config: pg.ClientConfig, log: ServerLog) {
    this.#config = { ...config, application_name: `${NAME} ${process.pid}`, connectionTimeoutMillis: 5000 };
    this.#log = log;
  }

  async open(): Promise<void> {
    const client = new pg.Client(this.#config) as Client;
    client.on('error', () => {}); // `end` follows
    await client.connect();
    if (this.#isClosed) return client.end();
    client.once('end', () => this.#reopenLater());
    client.unref();
    this.#client = client;
  }

  /** @returns the pids of the other processes that use the server; undefined when the server does not answer */
  async findOthers(): Promise<number[] | undefined> {
    try {
      if (!this.#client) await this.open();
      this.#client?.ref();
      const found = await this.#client?.query<{ name: string }>(
        `select application_name as name
           from pg_stat_activity
          where application_name like $1
            and pid <> pg_backend_pid()`,
        [`${NAME} %`],
      );
      return found?.rows.map(({ name }) => Number(name.slice(NAME.length)));
    } catch (error) {
      this.#log.debug('the embedded PostgreSQL does not answer', { error: messageOf(error) });
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const client = this.#client;
    this.#client = undefined;
    client?.ref();
    await client?.end();
  }

  // When one of its processes crashes, the server drops all connections and goes on.
  #reopenLater(): void {
    this.#client = undefined;
    if (this.#isClosed) return;
    setTimeout(() => this.open().catch(() => this.#reopenLater()), REOPEN_MS).unref();
  }
}
