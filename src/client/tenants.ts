import type { TenantChange, TenantResource } from '../contract/tenants.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

export interface TenantsClient {
  /** Those for which something was set, by name. */
  list(query?: PageQuery, call?: CallOptions): PageList<TenantResource>;
  /** @throws NOT_FOUND for another tenant than that of the key */
  get(name: string, call?: CallOptions): Promise<TenantResource>;
  /** What is left out stays as it is; null takes a limit away. */
  set(name: string, change: TenantChange, call?: CallOptions): Promise<TenantResource>;
  /** Takes away all that was set; jobs and keys stay. @throws NOT_FOUND when nothing was */
  delete(name: string, call?: CallOptions): Promise<void>;
}

export function createTenantsClient(connection: Connection): TenantsClient {
  const pathOf = (name: string) => `/v1/tenants/${encodeURIComponent(name)}`;
  return {
    list: (query, call) => requestPages(connection, '/v1/tenants', { ...query }, call),
    get: (name, call = {}) => connection.requestJson(pathOf(name), call),
    set: (name, change, call = {}) => connection.requestJson(pathOf(name), { ...call, method: 'PATCH', body: change }),
    async delete(name, call = {}) {
      await connection.openStream(pathOf(name), { ...call, method: 'DELETE' });
    },
  };
}
