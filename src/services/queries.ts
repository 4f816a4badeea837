import { NonRetryableError } from '../define/errors.ts';
import type { OpenedQuery, Queries } from '../define/queries.ts';
import type { QueryDefinition } from '../define/query.ts';
import { messageOf } from '../shared/failure.ts';
import { isFaultOfQuery } from '../store/database-errors.ts';

export interface QuerySettings {
  /** The program's own database. */
  databaseUrl: string;
  /** Where the operator's queries run; undefined: in the same. */
  exportDatabaseUrl: string | undefined;
}

/**
 * Each query has a connection of its own while it is open: it may be open for minutes, and must not take one from the
 * pool, by which the program records what its jobs do.
 */
export function createQueries(
  { databaseUrl, exportDatabaseUrl = databaseUrl }: QuerySettings,
  getQueries: () => Promise<ReadonlyMap<string, QueryDefinition>>,
): Queries & { close(): Promise<void> } {
  const opened = new Set<OpenedQuery>();
  return {
    async open({ query: name, parameters, tenant, signal }) {
      const { requireNamed } = await import('../define/named.ts');
      const found = await requireNamed('query', await getQueries(), { name, parameters });
      const { sql, values } = found.part.build(found.parameters, { tenant });
      const url = found.part.database === 'own' ? databaseUrl : exportDatabaseUrl;
      const { openCursor } = await import('../store/query-cursor.ts');
      const query = await openCursor(url, { sql, values, signal }).catch((error: unknown) => {
        throw toFailure(name, error);
      });
      opened.add(query);
      return {
        ...query,
        batches: () => readBatches(name, query),
        async close() {
          opened.delete(query);
          await query.close();
        },
      };
    },
    async close() {
      await Promise.all([...opened].map((query) => query.close()));
    },
  };
}

async function* readBatches(name: string, query: OpenedQuery): ReturnType<OpenedQuery['batches']> {
  try {
    yield* query.batches();
  } catch (error) {
    throw toFailure(name, error);
  }
}

/** The same query on the same database fails again; a lost connection, or a server that is short of something, may not. */
function toFailure(name: string, error: unknown): unknown {
  if (!isFaultOfQuery(error)) return error;
  return new NonRetryableError(`the query "${name}" failed: ${messageOf(error)}`, { cause: error });
}
