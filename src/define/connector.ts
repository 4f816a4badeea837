import { z } from 'zod';
import { queueNameSchema } from '../contract/enqueue.ts';
import { AppError } from '../shared/errors.ts';
import type { JobLog } from './context.ts';
import type { OutboundFetch } from './services.ts';

/** A record as a connector reads it. */
export interface SourceRecord {
  /** Names it within its collection for ever: 1 to 500 characters. */
  id: string;
  /** A JSON object. */
  data: Record<string, unknown>;
}

export interface ConnectorPage {
  records: readonly SourceRecord[];
  /** Where to go on after this page, as JSON; null: this was the last page. */
  cursor: unknown;
  /** How many records there are in all, where the source says so. */
  total?: number;
  /** What was read before does not belong to this: the source has changed, and the reading begins anew with this page. */
  isAnew?: boolean;
}

export interface ConnectorRun<Parameters> {
  parameters: Parameters;
  /** What an earlier page gave; null at the beginning. */
  cursor: unknown;
  /** Records wanted in a page; a source may give more or fewer. */
  pageSize: number;
  /** Refuses private addresses as settings say. */
  fetch: OutboundFetch;
  /**
   * What CONNECTOR_SECRET_<NAME> holds for this origin.
   * @throws NonRetryableError when there is none, or it is for another origin
   */
  secret: (name: string, url: string) => string;
  signal: AbortSignal;
  log: JobLog;
  tenant: string;
}

export interface ConnectorOptions<Parameters extends z.ZodType> {
  /** What callers name: letters, digits, ".", "_" and "-", at most 100. */
  name: string;
  description?: string;
  /** A zod schema of an object; without it the connector takes no parameters. */
  parameters?: Parameters;
  /**
   * Reads from `cursor` to the end. A page is stored before the next one is asked for.
   * Throw `RetryLaterError` to choose when to go on, `NonRetryableError` to give up.
   */
  pages: (run: ConnectorRun<z.output<Parameters>>) => AsyncIterable<ConnectorPage>;
}

/** A source of records that `records:download` may name. */
export interface ConnectorDefinition {
  readonly kind: 'longshore.connector';
  readonly name: string;
  readonly description: string;
  readonly parametersSchema: z.ZodType;
  /** `run.parameters` is what `parametersSchema` returned. */
  pages(run: ConnectorRun<unknown>): AsyncIterable<ConnectorPage>;
}

/**
 * Defines a source of records for `records:download`.
 *
 * @example
 * export const colours = defineConnector({
 *   name: 'colours',
 *   async *pages() {
 *     yield { records: [{ id: 'red', data: { hex: '#f00' } }], cursor: null };
 *   },
 * });
 *
 * @throws INVALID_DEFINITION for a name or schema that is not allowed
 */
export function defineConnector<Parameters extends z.ZodType = z.ZodObject<Record<string, never>>>(
  options: ConnectorOptions<Parameters>,
): ConnectorDefinition {
  const { name, description = '', parameters = z.strictObject({}), pages } = options;
  const owner = `connector "${name}"`;
  const fault = queueNameSchema.safeParse(name).error?.issues[0]?.message;
  if (fault !== undefined) throw invalid(owner, `name ${fault}`);
  if (typeof parameters.safeParse !== 'function') throw invalid(owner, 'parameters must be a zod schema');
  if (typeof pages !== 'function') throw invalid(owner, 'pages must be an async generator function');
  return {
    kind: 'longshore.connector',
    name,
    description,
    parametersSchema: parameters,
    pages: (run) => pages(run as ConnectorRun<z.output<Parameters>>),
  };
}

export function isConnectorDefinition(value: unknown): value is ConnectorDefinition {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'longshore.connector';
}

function invalid(owner: string, fault: string): AppError {
  return new AppError('INVALID_DEFINITION', `${owner}: ${fault}`);
}
