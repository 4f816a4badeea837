import type { WorkerResource } from '../contract/workers.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

export interface WorkersClient {
  /** The processes that run jobs, by their ids. */
  list(query?: PageQuery, call?: CallOptions): PageList<WorkerResource>;
  /** @throws NotFoundError, also once it has been silent for long */
  get(id: string, call?: CallOptions): Promise<WorkerResource>;
}

export function createWorkersClient(connection: Connection): WorkersClient {
  const path = '/v1/workers';
  return {
    list: (query, call) => requestPages(connection, path, { ...query }, call),
    get: (id, call = {}) => connection.requestJson(`${path}/${encodeURIComponent(id)}`, call),
  };
}
