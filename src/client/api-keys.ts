import type { ApiKeyResource, CreatedKeyResource, CreateKeyInput } from '../contract/api-keys.ts';
import type { Page } from '../contract/list.ts';
import type { Connection } from './connection.ts';
import type { PageQuery } from './pages.ts';

export interface ApiKeysClient {
  /**
   * @param call with an idempotency key a repeated call makes no second key; its answer is without `key`, which nobody
   * knows any more
   */
  create(request: CreateKeyInput, call?: { idempotencyKey?: string | undefined }): Promise<CreatedKeyResource>;
  /** One page, newest first. */
  list(query?: PageQuery): Promise<Page<ApiKeyResource>>;
  /** @throws NOT_FOUND */
  get(id: string): Promise<ApiKeyResource>;
  /** One that was revoked before keeps the time of that. @throws NOT_FOUND */
  revoke(id: string): Promise<ApiKeyResource>;
}

export function createApiKeysClient(connection: Connection): ApiKeysClient {
  const pathOf = (id: string) => `/v1/api-keys/${encodeURIComponent(id)}`;
  return {
    create: (request, { idempotencyKey } = {}) =>
      connection.requestJson('/v1/api-keys', {
        method: 'POST',
        body: request,
        headers: idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
      }),
    list: (query = {}) => connection.requestJson('/v1/api-keys', { query: { ...query } }),
    get: (id) => connection.requestJson(pathOf(id)),
    revoke: (id) => connection.requestJson(pathOf(id), { method: 'DELETE' }),
  };
}
