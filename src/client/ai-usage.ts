import type { AiUsageResource } from '../contract/ai-usage.ts';
import type { Page } from '../contract/list.ts';
import type { Connection } from './connection.ts';
import type { PageQuery } from './pages.ts';

export interface AiUsageQuery extends PageQuery {
  tenant?: string | undefined;
  /** A day (UTC), e.g. `2030-01-31`; both are included. */
  from?: string | undefined;
  to?: string | undefined;
}

export interface AiUsageClient {
  /** One page, newest day first. */
  list(query?: AiUsageQuery): Promise<Page<AiUsageResource>>;
}

export function createAiUsageClient(connection: Connection): AiUsageClient {
  return { list: (query = {}) => connection.requestJson('/v1/ai-usage', { query: { ...query } }) };
}
