import type { Database } from './database.ts';

/** Counts the calls of tenants over all processes, second by second. */
export interface RequestCounter {
  /**
   * Adds calls to the second that a tenant is in. Where the counts cannot be reached, those of this process count alone.
   * @returns how many it has in that second, these included, and when the second ends
   */
  add(tenant: string, calls: number): Promise<{ total: number; endsInMs: number }>;
  stop(): void;
}

/** No number of calls is refused by the library: who counts also knows the limit, which may change at any time. */
export const COUNT_ONLY = { points: 2_000_000_000, duration: 1 };

/** Counts in PostgreSQL, in a table that a crash of its server empties. */
export async function createPostgresCounter(database: Database): Promise<RequestCounter> {
  const { RateLimiterMemory, RateLimiterPostgres } = await import('rate-limiter-flexible');
  const limiter = new RateLimiterPostgres({
    ...COUNT_ONLY,
    storeClient: {
      async query({ text, values }: { text: string; values: unknown[] }) {
        const rows = await database.query(text, values);
        return { rows, rowCount: rows.length };
      },
    },
    storeType: 'pool',
    schemaName: 'longshore',
    tableName: 'request_counts',
    tableCreated: true,
    clearExpiredByTimeout: false, // a row a tenant
    keyPrefix: 'tenant',
    insuranceLimiter: new RateLimiterMemory(COUNT_ONLY),
  });
  return {
    async add(tenant, calls) {
      const { consumedPoints, msBeforeNext } = await limiter.consume(tenant, calls);
      return { total: consumedPoints, endsInMs: msBeforeNext };
    },
    stop: () => undefined,
  };
}
