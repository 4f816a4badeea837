import type { AiUsageResource } from '../contract/ai-usage.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

export interface AiUsageQuery extends PageQuery {
  tenant?: string | undefined;
  /** A day (UTC), e.g. `2030-01-31`; both are included. */
  from?: string | undefined;
  to?: string | undefined;
}

export interface AiUsageClient {
  /** Newest day first. */
  list(query?: AiUsageQuery, call?: CallOptions): PageList<AiUsageResource>;
}

export function createAiUsageClient(connection: Connection): AiUsageClient {
  return {
    list: (query, call) => requestPages(connection, '/v1/ai-usage', { ...query }, call),
  };
}
