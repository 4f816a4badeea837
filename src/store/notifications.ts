import type pg from 'pg';
import { pause } from '../shared/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Database } from './database.ts';

export interface ListenerOptions {
  channel: string;
  onMessage: (payload: string) => void;
  /** Called after every (re)connection: messages may have been missed before. */
  onConnected: () => void;
  log: Logger;
}

/** Sends messages to every process that listens on the channel. Each is at most 8,000 bytes. */
export async function notify(database: Database, channel: string, payloads: readonly string[]): Promise<void> {
  await database.query('select pg_notify($1, payload) from unnest($2::text[]) as payload', [channel, payloads]);
}

const ASK_EVERY_MS = 10_000;

/** A LISTEN connection that comes back by itself. */
export class Listener {
  readonly #database: Database;
  readonly #options: ListenerOptions;
  readonly #stopping = new AbortController();
  #client: pg.Client | undefined;
  #loop: Promise<void> | undefined;

  constructor(database: Database, options: ListenerOptions) {
    this.#database = database;
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#client
      ?.end()
      .catch((error: unknown) => this.#options.log.debug('ending the listener failed', { error }));
    await this.#loop;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#listenUntilLost(() => {
          failures = 0;
        });
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        failures += 1;
        this.#options.log.warn('the LISTEN connection was lost; polling until it is back', { error });
        await pause(Math.min(5000, 100 * 2 ** failures), this.#stopping.signal);
      }
    }
  }

  // Nothing else is sent on this connection, so nothing else would tell that its other end is gone.
  async #askUntilSilent(client: pg.Client): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await pause(ASK_EVERY_MS, this.#stopping.signal);
      await client.query('select 1');
    }
  }

  async #listenUntilLost(onListening: () => void): Promise<void> {
    const client = await this.#database.connect();
    this.#client = client;
    const lost = new Promise<never>((_, reject) => {
      client.once('error', reject);
      client.once('end', () => reject(new Error('the connection ended')));
    });
    client.on('notification', (message) => this.#options.onMessage(message.payload ?? ''));
    try {
      await Promise.race([client.query(`listen ${client.escapeIdentifier(this.#options.channel)}`), lost]);
      if (this.#stopping.signal.aborted) return;
      onListening();
      this.#options.onConnected();
      await Promise.race([lost, this.#askUntilSilent(client)]);
    } finally {
      this.#client = undefined;
      client.on('error', () => undefined); // a second fault of a connection that is being given up
      await client.end().catch(() => undefined); // it may be gone already
    }
  }
}
