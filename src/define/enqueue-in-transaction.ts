import { type JobOptionsInput, jobOptionsSchema } from '../contract/enqueue.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import type { JobDefinition } from './job.ts';
import { parseWith, toFaults } from './registry.ts';

/** A client or pool client of `pg`, within a transaction. */
export interface PgClient {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
}

/** A transaction of drizzle, whatever its driver. */
export interface DrizzleTransaction {
  execute(query: string): PromiseLike<unknown>;
}

/**
 * Enqueues a job in a transaction of the application, on the database that Longshore uses: there is a job if and only if that
 * transaction commits, and it starts right after. Calls `longshore.enqueue`, which the application's user must be allowed to.
 *
 * @param client a `pg` client on which `begin` was called, or a drizzle transaction
 * @param input checked with the definition's schema here, and by the worker before each run
 * @returns the job's id; that of an unfinished one with the same `deduplicationKey`
 * @throws INVALID_FIELDS for an input or options that are not valid, and for what the database refuses, e.g. a type that no
 * program has known so far; TENANT_LIMIT_REACHED; the transaction has failed then. Any other fault as the client gives it.
 */
export async function enqueueInTransaction<Input>(
  client: PgClient | DrizzleTransaction,
  job: JobDefinition<Input, unknown>,
  input: Input,
  options: JobOptionsInput = {},
): Promise<string> {
  const checkedInput = await parseWith(job.inputSchema, input, 'input');
  const checkedOptions = jobOptionsSchema.safeParse(options);
  const faults = [
    ...(checkedInput.ok ? [] : checkedInput.faults),
    ...(checkedOptions.success ? [] : toFaults(checkedOptions.error, 'options', jobOptionsSchema)),
  ];
  if (faults.length > 0) throw invalidFields(faults);
  const values = [job.type, JSON.stringify(input ?? null), JSON.stringify(options)];
  const [row] = await call(client, values).catch((error: unknown) => {
    throw toRefusal(error);
  });
  return (row as { id: string }).id;
}

async function call(client: PgClient | DrizzleTransaction, values: readonly string[]): Promise<unknown[]> {
  if ('query' in client && typeof client.query === 'function') {
    const text = 'select longshore.enqueue($1, $2::jsonb, $3::jsonb) as id';
    return (await (client as PgClient).query(text, [...values])).rows;
  }
  const [type = '', input = '', options = ''] = values.map(quoteLiteral);
  const result = await (client as DrizzleTransaction).execute(
    `select longshore.enqueue(${type}, ${input}::jsonb, ${options}::jsonb) as id`,
  );
  return Array.isArray(result) ? result : (result as { rows: unknown[] }).rows; // as its driver has it
}

/** A text as PostgreSQL reads it whatever `standard_conforming_strings` is. Drizzle binds only what its own `sql` has made. */
function quoteLiteral(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

const INVALID_PARAMETER_VALUE = '22023';
const LIMIT_EXCEEDED = '53400';

/** What `longshore.enqueue` raises about its arguments: `<path>: <message>`. Drizzle hides it in a cause. */
function toRefusal(error: unknown): unknown {
  const { cause = error } = (error ?? {}) as { cause?: unknown };
  const { code, hint } = (cause ?? {}) as { code?: unknown; hint?: unknown };
  const message = messageOf(cause);
  if (code === LIMIT_EXCEEDED) return new AppError('TENANT_LIMIT_REACHED', message, { cause: error });
  if (code !== INVALID_PARAMETER_VALUE) return error;
  const [, path = '', rest = message] = /^([\w.]+): (.*)$/s.exec(message) ?? [];
  const detail = typeof hint === 'string' ? `${message} (${hint})` : message;
  return new AppError('INVALID_FIELDS', detail, { errors: [{ path, message: rest }], cause: error });
}
