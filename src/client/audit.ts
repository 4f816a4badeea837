import type { AuditEntryResource } from '../contract/audit.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

export interface AuditQuery extends PageQuery {
  /** The prefix of a key, `ADMIN_KEY` or `local`. */
  actor?: string | undefined;
  /** E.g. `job.cancel`. */
  action?: string | undefined;
  /** Of this time or later, e.g. `2030-01-31T08:00:00Z`. */
  since?: string | undefined;
}

export interface AuditClient {
  /** What was done on purpose, newest first. */
  list(query?: AuditQuery, call?: CallOptions): PageList<AuditEntryResource>;
}

export function createAuditClient(connection: Connection): AuditClient {
  return { list: (query, call) => requestPages(connection, '/v1/audit', { ...query }, call) };
}
