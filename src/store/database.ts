import pg from 'pg';
import { AppError } from '../shared/errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { isConnectionError, toStoreError } from './database-errors.ts';

/** What the store's functions need. */
export interface Database {
  /** @throws STORE_UNAVAILABLE when the server cannot be reached; other faults as `pg` gives them */
  query<Row extends object>(text: string, values?: unknown[], options?: QueryOptions): Promise<Row[]>;
  /**
   * Runs `work` with a database whose queries are all committed together, or not at all when it throws. Within another
   * transaction it is a savepoint of that one.
   * @throws what `work` throws, and as {@link Database.query}
   */
  transaction<Result>(work: (database: Database) => Promise<Result>): Promise<Result>;
  /** A connection of its own, outside the pool, for LISTEN. The caller ends it. */
  connect(): Promise<pg.Client>;
  close(): Promise<void>;
}

export interface QueryOptions {
  /** In place of `queryTimeoutMs`. */
  timeoutMs?: number;
  /** By a connection that nothing else uses: for signs of life, which must not queue behind long queries. */
  isUrgent?: boolean;
}

export interface DatabaseOptions {
  url: string;
  poolSize: number;
  /** How long a statement may go unanswered; for ever by default, as a migration needs it. */
  queryTimeoutMs?: number;
  /** What `pg_stat_activity` shows; default `longshore`. */
  applicationName?: string;
  log: Logger;
}

const APPLICATION_NAME = 'longshore';
const CONNECT_TIMEOUT_MS = 10_000;
/** A worker that cannot say that it lives takes no jobs: it should not wait for a network that was away. */
const URGENT_CONNECT_TIMEOUT_MS = 5000;

/** Opens the pool. Connects on the first query only. */
export function openDatabase(options: DatabaseOptions): Database {
  const connection: pg.ClientConfig = {
    connectionString: options.url,
    application_name: options.applicationName ?? APPLICATION_NAME,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // A connection whose other end is gone without a word would otherwise be waited for until TCP gives up.
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
    keepAlive: true,
    types: { getTypeParser: chooseParser as typeof pg.types.getTypeParser },
  };
  const openPool = (max: number, connectionTimeoutMillis: number) => {
    const opened = new pg.Pool({
      ...connection,
      connectionTimeoutMillis,
      max,
      idleTimeoutMillis: 30_000,
      onConnect: (client) => limitHanging(client, options.queryTimeoutMs),
    });
    // Without a listener a lost idle connection ends the process, e.g. whenever Postgres restarts.
    opened.on('error', (error) => options.log.warn('lost an idle database connection', { error }));
    return opened;
  };
  const pool = openPool(options.poolSize, CONNECT_TIMEOUT_MS);
  const urgentPool = openPool(1, URGENT_CONNECT_TIMEOUT_MS);
  const database: Database = {
    query: (text, values, more) => query(more?.isUrgent ? urgentPool : pool, text, values, more),
    async transaction(work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw toStoreError(error);
      });
      let fault: unknown;
      const onError = () => undefined; // the pool does not listen now, and the next query tells it anyhow
      client.on('error', onError);
      try {
        const ownQuery: Database['query'] = (text, values, more) => query(client, text, values, more);
        return await runBlock({ ...database, query: ownQuery }, work, 0);
      } catch (error) {
        fault = error;
        throw error;
      } finally {
        client.off('error', onError);
        client.release(fault instanceof AppError); // a connection that is broken, or to a replica, must not be used again
      }
    },
    async connect() {
      const client = new pg.Client(connection);
      await client.connect();
      return client;
    },
    async close() {
      await Promise.all([pool.end(), urgentPool.end()]);
    },
  };
  return database;
}

/**
 * Makes the server, too, give up this program when it hangs: what a connection has locked, it has locked for everybody.
 * Not as options of the connection, which poolers refuse.
 */
async function limitHanging(client: pg.ClientBase, timeoutMs: number | undefined): Promise<void> {
  if (timeoutMs === undefined) return;
  await client.query(`set tcp_user_timeout = ${timeoutMs}; set idle_in_transaction_session_timeout = ${timeoutMs}`);
}

async function query<Row extends object>(
  server: pg.Pool | pg.PoolClient,
  text: string,
  values: unknown[] = [],
  { timeoutMs }: QueryOptions = {},
): Promise<Row[]> {
  try {
    const timeout = timeoutMs === undefined ? {} : { query_timeout: timeoutMs };
    return (await server.query({ text, values, ...timeout })).rows;
  } catch (error) {
    throw toStoreError(error);
  }
}

/** @param depth 0 for a transaction, more for savepoints within it */
async function runBlock<Result>(
  connection: Database,
  work: (database: Database) => Promise<Result>,
  depth: number,
): Promise<Result> {
  const name = `block_${depth}`;
  await connection.query(depth === 0 ? 'begin' : `savepoint ${name}`);
  try {
    const result = await work({ ...connection, transaction: (inner) => runBlock(connection, inner, depth + 1) });
    await connection.query(depth === 0 ? 'commit' : `release savepoint ${name}`);
    return result;
  } catch (error) {
    // What broke the connection rolls back by itself.
    if (!isConnectionError(error)) await connection.query(depth === 0 ? 'rollback' : `rollback to savepoint ${name}`);
    throw error;
  }
}

function chooseParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === pg.types.builtins.INT8) return Number; // fences and milliseconds, all below 2^53
  const parse = pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown;
  return oid === pg.types.builtins.TIMESTAMPTZ && format !== 'binary' ? parseTime : parse;
}

let lastTime = { text: '', atMs: Number.NaN };

// Most times of an answer are the `now()` of one statement.
function parseTime(text: string): Date {
  if (text !== lastTime.text) {
    const parse = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ) as (value: string) => Date;
    lastTime = { text, atMs: Number(parse(text)) };
  }
  return new Date(lastTime.atMs);
}
