import { z } from 'zod';
import { queueNameSchema } from '../contract/enqueue.ts';
import { AppError } from '../shared/errors.ts';

/** For whom a query runs. */
export interface QueryCaller {
  /** The tenant of the exporting job. */
  tenant: string;
}

export interface QueryOptions<Parameters extends z.ZodType> {
  /** What callers name: letters, digits, ".", "_" and "-", at most 100. */
  name: string;
  description?: string;
  /** A zod schema of an object; without it the query takes no parameters. */
  parameters?: Parameters;
  /** One `select`, `values` or `with … select`, with `$1`, `$2` … for its values. */
  sql: string;
  /** The values of `$1`, `$2` …, from checked parameters. Where tenants share tables, bind the tenant here. */
  values?: (parameters: z.output<Parameters>, caller: QueryCaller) => readonly unknown[];
}

/** A query that jobs may name, and nobody outside can change. */
export interface QueryDefinition {
  readonly kind: 'longshore.query';
  readonly name: string;
  readonly description: string;
  readonly parametersSchema: z.ZodType;
  /** Where it runs: EXPORT_DATABASE_URL, or always the program's own database. */
  readonly database: 'export' | 'own';
  /** @param parameters what `parametersSchema` returned */
  build(parameters: unknown, caller: QueryCaller): { sql: string; values: readonly unknown[] };
}

/**
 * Defines a query for `data:export`. It runs read only, and the SQL never comes from a request.
 *
 * @example
 * export const orders = defineQuery({
 *   name: 'orders',
 *   parameters: z.strictObject({ since: z.iso.date() }),
 *   sql: 'select * from orders where tenant = $1 and created_at >= $2',
 *   values: ({ since }, { tenant }) => [tenant, since],
 * });
 *
 * @throws INVALID_DEFINITION for a name, schema or SQL that is not allowed
 */
export function defineQuery<Parameters extends z.ZodType = z.ZodObject<Record<string, never>>>(
  options: QueryOptions<Parameters>,
): QueryDefinition {
  const { name, description = '', parameters = z.strictObject({}), sql, values = () => [] } = options;
  const owner = `query "${name}"`;
  const fault = queueNameSchema.safeParse(name).error?.issues[0]?.message;
  if (fault !== undefined) throw invalid(owner, `name ${fault}`);
  if (typeof parameters.safeParse !== 'function') throw invalid(owner, 'parameters must be a zod schema');
  if (typeof sql !== 'string' || sql.trim() === '') throw invalid(owner, 'sql must be a text');
  if (typeof values !== 'function') throw invalid(owner, 'values must be a function that returns an array');
  return {
    kind: 'longshore.query',
    name,
    description,
    parametersSchema: parameters,
    database: 'export',
    build: (checked, caller) => ({ sql, values: values(checked as z.output<Parameters>, caller) }),
  };
}

export function isQueryDefinition(value: unknown): value is QueryDefinition {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'longshore.query';
}

function invalid(owner: string, fault: string): AppError {
  return new AppError('INVALID_DEFINITION', `${owner}: ${fault}`);
}
