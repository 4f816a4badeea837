import type { HealthResource, StatsResource, TypeResource } from '../contract/program.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

/** What the program says of itself. */
export interface ProgramClient {
  readonly types: { list(query?: PageQuery, call?: CallOptions): PageList<TypeResource> };
  stats(call?: CallOptions): Promise<StatsResource>;
  /** Also when the program is degraded or stopping: then `status` says so. */
  health(call?: CallOptions): Promise<HealthResource>;
}

export function createProgramClient(connection: Connection): ProgramClient {
  const path = '/v1/types';
  return {
    types: {
      list: (query, call) => requestPages(connection, path, { ...query }, call),
    },
    stats: (call = {}) => connection.requestJson('/v1/stats', call),
    health: (call = {}) => connection.requestJson('/health', { ...call, acceptStatus: 503 }),
  };
}
