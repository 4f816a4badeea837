import type { Page } from '../contract/list.ts';
import type { TenantChange, TenantResource } from '../contract/tenants.ts';
import type { Connection } from './connection.ts';
import type { PageQuery } from './pages.ts';

export interface TenantsClient {
  /** One page of those for which something was set, by name. */
  list(query?: PageQuery): Promise<Page<TenantResource>>;
  /** @throws NOT_FOUND for another tenant than that of the key */
  get(name: string): Promise<TenantResource>;
  /** What is left out stays as it is; null takes a limit away. */
  set(name: string, change: TenantChange): Promise<TenantResource>;
  /** Takes away all that was set; jobs and keys stay. @throws NOT_FOUND when nothing was */
  delete(name: string): Promise<void>;
}

export function createTenantsClient(connection: Connection): TenantsClient {
  const pathOf = (name: string) => `/v1/tenants/${encodeURIComponent(name)}`;
  return {
    list: (query = {}) => connection.requestJson('/v1/tenants', { query: { ...query } }),
    get: (name) => connection.requestJson(pathOf(name)),
    set: (name, change) => connection.requestJson(pathOf(name), { method: 'PATCH', body: change }),
    async delete(name) {
      await connection.openStream(pathOf(name), { method: 'DELETE' });
    },
  };
}
