import type { QueueResource } from '../contract/program.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

export interface QueuesClient {
  list(query?: PageQuery, call?: CallOptions): PageList<QueueResource>;
  get(name: string, call?: CallOptions): Promise<QueueResource>;
  /** Workers start no further job of the queue; running ones finish. */
  pause(name: string, call?: CallOptions): Promise<QueueResource>;
  resume(name: string, call?: CallOptions): Promise<QueueResource>;
}

export function createQueuesClient(connection: Connection): QueuesClient {
  const path = '/v1/queues';
  const pathOf = (name: string) => `${path}/${encodeURIComponent(name)}`;
  return {
    list: (query, call) => requestPages(connection, path, { ...query }, call),
    get: (name, call = {}) => connection.requestJson(pathOf(name), call),
    pause: (name, call = {}) => connection.requestJson(`${pathOf(name)}/pause`, { ...call, method: 'POST' }),
    resume: (name, call = {}) => connection.requestJson(`${pathOf(name)}/resume`, { ...call, method: 'POST' }),
  };
}
