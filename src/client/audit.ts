import type { AuditEntryResource } from '../contract/audit.ts';
import type { Page } from '../contract/list.ts';
import type { Connection } from './connection.ts';
import type { PageQuery } from './pages.ts';

export interface AuditQuery extends PageQuery {
  /** The prefix of a key, `ADMIN_KEY` or `local`. */
  actor?: string | undefined;
  /** E.g. `job.cancel`. */
  action?: string | undefined;
  /** Of this time or later, e.g. `2030-01-31T08:00:00Z`. */
  since?: string | undefined;
}

export interface AuditClient {
  /** One page of what was done on purpose, newest first. */
  list(query?: AuditQuery): Promise<Page<AuditEntryResource>>;
}

export function createAuditClient(connection: Connection): AuditClient {
  return { list: (query = {}) => connection.requestJson('/v1/audit', { query: { ...query } }) };
}
