import type { Page } from '../contract/list.ts';
import type { WorkerResource } from '../contract/workers.ts';
import type { Connection } from './connection.ts';
import type { PageQuery } from './pages.ts';

export interface WorkersClient {
  /** One page of the processes that run jobs, by their ids. */
  list(query?: PageQuery): Promise<Page<WorkerResource>>;
  /** @throws NOT_FOUND, also once it has been silent for long */
  get(id: string): Promise<WorkerResource>;
}

export function createWorkersClient(connection: Connection): WorkersClient {
  return {
    list: (query = {}) => connection.requestJson('/v1/workers', { query: { ...query } }),
    get: (id) => connection.requestJson(`/v1/workers/${encodeURIComponent(id)}`),
  };
}
