import pg from 'pg';
import type { OpenedQuery, QueryColumn, QueryRow } from '../define/queries.ts';
import { endsWithin } from '../shared/time.ts';
import { chooseFormat, kindOf } from './column-text.ts';
import { toStoreError } from './database-errors.ts';

export interface CursorQuery {
  sql: string;
  values: readonly unknown[];
  signal: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 10_000;
const CANCEL_TIMEOUT_MS = 5000;
const FIRST_ROWS = 50;
const MAX_ROWS = 1000;
/** A batch may be larger where rows suddenly are; it never has more than four times the rows of the one before. */
const BATCH_BYTES = 2 * 1024 ** 2;

/** For the transaction alone, so that a pooler's next client finds nothing of it. A server ignores what it does not know. */
const transactionSettings: Readonly<Record<string, string>> = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'iso_8601',
  bytea_output: 'hex',
  extra_float_digits: '1',
  // The job's own time limit and cancel end the query.
  statement_timeout: '0',
  transaction_timeout: '0',
  // Between two batches: a program that hangs must not hold a snapshot of the database for ever.
  idle_in_transaction_session_timeout: '300000',
  // A worker that was killed cancels nothing: the server finds out by itself.
  client_connection_check_interval: '5000',
  // All rows are wanted; by default a cursor is planned for its first tenth.
  cursor_tuple_fraction: '1',
};

// Not every system can watch its connections, and one that cannot refuses the setting.
const SET_FOR_TRANSACTION = `
  select set_config(name, wanted.value, true)
  from unnest($1::text[], $2::text[]) as wanted(name, value)
  join pg_settings using (name)
  where name <> 'client_connection_check_interval' or version() like '%linux%'`;

/**
 * Runs a query through a server-side cursor in a read-only transaction, on a connection of its own: the program's pool
 * is not touched, and nothing outlives the transaction, so it works behind poolers.
 * @throws STORE_UNAVAILABLE when the connection fails; faults of the SQL as `pg` gives them; the signal's reason
 */
export async function openCursor(url: string, { sql, values, signal }: CursorQuery): Promise<OpenedQuery> {
  const connection = await connect(url, signal);
  try {
    signal.throwIfAborted();
    await connection.run('begin isolation level repeatable read read only');
    await connection.run(SET_FOR_TRANSACTION, [Object.keys(transactionSettings), Object.values(transactionSettings)]);
    const plan = await connection.run(`explain (format json) ${sql}`, values);
    await connection.run(`declare export no scroll cursor for ${sql}`, values);
    const { fields } = await connection.run('fetch 0 from export');
    const columns = await readColumns(connection, fields);
    return {
      columns: columns.map(({ format: _, ...column }) => column),
      estimatedRows: readEstimate(plan.rows),
      batches: () => readBatches(connection, columns, signal),
      close: () => connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

interface FormattedColumn extends QueryColumn {
  format: ((text: string) => string) | undefined;
}

async function* readBatches(
  connection: Connection,
  columns: readonly FormattedColumn[],
  signal: AbortSignal,
): AsyncGenerator<QueryRow[], void> {
  for (let wanted = FIRST_ROWS; ; ) {
    signal.throwIfAborted();
    const { rows } = await connection.run(`fetch ${wanted} from export`);
    let bytes = 0;
    for (const row of rows) {
      for (const [index, text] of row.entries()) {
        if (text === null) continue;
        bytes += text.length;
        const format = columns[index]?.format;
        if (format) row[index] = format(text);
      }
    }
    if (rows.length > 0) yield rows;
    if (rows.length < wanted) return;
    wanted = Math.max(1, Math.min(MAX_ROWS, wanted * 4, Math.floor(BATCH_BYTES / (bytes / rows.length + 1))));
  }
}

async function readColumns(connection: Connection, fields: readonly pg.FieldDef[]): Promise<FormattedColumn[]> {
  const { rows } = await connection.run(
    `select format_type(t.oid, wanted.modifier), case when t.typoutput = 'array_out'::regproc then t.typelem end
     from unnest($1::oid[], $2::int4[]) with ordinality as wanted(oid, modifier, position)
     join pg_type as t on t.oid = wanted.oid
     order by wanted.position`,
    [fields.map(({ dataTypeID }) => dataTypeID), fields.map(({ dataTypeModifier }) => dataTypeModifier)],
  );
  return fields.map(({ name, dataTypeID }, index) => {
    const [sqlType, element] = rows[index] ?? [];
    const kind = element ? 'array' : kindOf(dataTypeID);
    return { name, sqlType: sqlType ?? 'text', kind, format: chooseFormat(kind, Number(element)) };
  });
}

function readEstimate(rows: readonly QueryRow[]): number {
  const plans = JSON.parse(rows[0]?.[0] ?? '[]') as { Plan?: { 'Plan Rows'?: number } }[];
  return plans[0]?.Plan?.['Plan Rows'] ?? 0;
}

interface Connection {
  /** Every value as the text that PostgreSQL writes. */
  run(sql: string, values?: readonly unknown[]): Promise<{ rows: (string | null)[][]; fields: pg.FieldDef[] }>;
  close(): Promise<void>;
}

async function connect(url: string, signal: AbortSignal): Promise<Connection> {
  const client = await openClient(url);
  let running: Promise<unknown> | undefined;
  let backend: string | undefined;
  let closing: Promise<void> | undefined;

  const run: Connection['run'] = async (text, values = []) => {
    const options = { rowMode: 'array' as const, types: asText, queryMode: 'extended' as const };
    const answer = client.query<(string | null)[]>({ text, values: [...values], ...options });
    running = answer;
    try {
      return await answer;
    } catch (error) {
      signal.throwIfAborted();
      throw toStoreError(error);
    } finally {
      running = undefined;
    }
  };
  const end = async () => {
    signal.removeEventListener('abort', close);
    // Only while the transaction is open is the backend certainly ours, also behind a pooler.
    if (running && backend !== undefined) await cancelBackend(url, backend, running);
    if (!running) await endsWithin(client.query('rollback').catch(ignoreLost), CANCEL_TIMEOUT_MS);
    await endsWithin(client.end().catch(ignoreLost), CANCEL_TIMEOUT_MS);
  };
  const close = () => {
    closing ??= end();
    return closing;
  };
  signal.addEventListener('abort', close, { once: true });
  return {
    async run(sql, values) {
      const answer = await run(sql, values);
      backend ??= (await run('select pg_backend_pid()')).rows[0]?.[0] ?? undefined;
      return answer;
    },
    close,
  };
}

const asText = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;

/** A query may rightly be silent for long; a network that is gone shows by what does not come back to this. */
const KEEP_ALIVE_MS = 30_000;

// A connection that is lost has no transaction to roll back, and nothing to say goodbye to.
function ignoreLost(): void {}

async function openClient(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'longshore export',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  });
  client.on('error', ignoreLost); // the query that runs, or the next one, fails with it
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw toStoreError(error);
  }
}

/** Closing the connection alone would leave the server at work until it has something to send. */
async function cancelBackend(url: string, backend: string, running: Promise<unknown>): Promise<void> {
  const cancelling = (async () => {
    const client = await openClient(url);
    try {
      await client.query('select pg_cancel_backend($1::int4)', [backend]);
    } finally {
      await client.end();
    }
    await running;
  })();
  await endsWithin(cancelling.catch(ignoreLost), CANCEL_TIMEOUT_MS);
}
