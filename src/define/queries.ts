/** Named queries, as `ctx.services.queries`: the operator's (`defineQuery`) and the built-in `jobs` and `records`. */
export interface Queries {
  /**
   * Opens a query on a connection of its own, read only, as one snapshot of the database.
   * @throws NonRetryableError for an unknown name, for parameters that it does not take (naming each), and for SQL that
   * fails by itself; other errors, such as a lost connection, are worth another attempt
   */
  open(request: OpenQuery): Promise<OpenedQuery>;
}

export interface OpenQuery {
  query: string;
  parameters: unknown;
  /** Whose rows: built-in queries show no others. */
  tenant: string;
  /** Ends the query on the server too. */
  signal: AbortSignal;
}

export interface OpenedQuery {
  columns: readonly QueryColumn[];
  /** The planner's estimate, 0 or more; it may be far off. */
  estimatedRows: number;
  /**
   * The rows in batches of at most 1,000 rows, fewer where rows are large: about 2 MiB.
   * @throws as {@link Queries.open}
   */
  batches(): AsyncGenerator<readonly QueryRow[], void>;
  /** Ends the transaction and its connection. Idempotent. */
  close(): Promise<void>;
}

export interface QueryColumn {
  name: string;
  /** As SQL writes it, e.g. `timestamp with time zone` or `numeric(10,2)`. */
  sqlType: string;
  kind: ColumnKind;
}

/** What a value is. Whole numbers in `integer` fit 32 bits; all that is not listed is `text`. */
export type ColumnKind =
  | 'boolean'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'real'
  | 'double'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'json'
  | 'bytes'
  | 'array'
  | 'text';

/**
 * Values as text, in the order of the columns: `true` or `false`, digits as the database has them, times as ISO 8601
 * (`2030-01-31T08:00:00.5Z`; without `Z` for `timestamp`), bytes as base64, arrays as JSON.
 */
export type QueryRow = readonly (string | null)[];
