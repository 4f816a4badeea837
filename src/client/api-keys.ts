import type { ApiKeyResource, CreatedKeyResource, CreateKeyInput } from '../contract/api-keys.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

export interface ApiKeysClient {
  /**
   * @param call with an idempotency key a repeated call makes no second key; its answer is without `key`, which nobody
   * knows any more
   */
  create(request: CreateKeyInput, call?: CreateOptions): Promise<CreatedKeyResource>;
  /** Newest first. */
  list(query?: PageQuery, call?: CallOptions): PageList<ApiKeyResource>;
  /** @throws NOT_FOUND */
  get(id: string, call?: CallOptions): Promise<ApiKeyResource>;
  /** One that was revoked before keeps the time of that. @throws NOT_FOUND */
  revoke(id: string, call?: CallOptions): Promise<ApiKeyResource>;
}

export function createApiKeysClient(connection: Connection): ApiKeysClient {
  const pathOf = (id: string) => `/v1/api-keys/${encodeURIComponent(id)}`;
  return {
    create: (request, { idempotencyKey, ...call } = {}) =>
      connection.requestJson('/v1/api-keys', {
        ...call,
        method: 'POST',
        body: request,
        // Not made by itself: the answer to a call that is made again has no key any more.
        headers: idempotencyKey === undefined ? {} : formatKey({ idempotencyKey }),
      }),
    list: (query, call) => requestPages(connection, '/v1/api-keys', { ...query }, call),
    get: (id, call = {}) => connection.requestJson(pathOf(id), call),
    revoke: (id, call = {}) => connection.requestJson(pathOf(id), { ...call, method: 'DELETE' }),
  };
}
