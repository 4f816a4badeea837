import { type ApiKeyResource, apiKeySchema, createdKeySchema, createKeySchema } from '../../contract/api-keys.ts';
import { pageQuerySchema, pageSchema } from '../../contract/list.ts';
import { createApiKey, requireApiKey, revokeApiKey } from '../../engine/api-keys.ts';
import { BY_ID, readPage } from '../../engine/cursors.ts';
import type { Engine } from '../../engine/engine.ts';
import type { ApiKeyRow } from '../../store/api-keys.ts';
import { type Route, route } from '../route.ts';

/** The keys of callers. */
export function apiKeyRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/api-keys',
      scope: 'admin',
      summary: 'Make a key; the answer has it this once',
      body: createKeySchema,
      isIdempotent: true,
      answers: { 201: createdKeySchema },
      responseHeaders: ['Location'],
      async handle({ caller, body, seed }) {
        const { row, key } = await createApiKey(engine, caller, body, seed);
        const shown = toResource(row);
        const headers = { Location: `/v1/api-keys/${row.id}`, 'Cache-Control': 'no-store' };
        return { status: 201, headers, body: key === undefined ? shown : { ...shown, key }, keptBody: shown };
      },
    }),
    route({
      method: 'get',
      path: '/v1/api-keys',
      scope: 'admin',
      summary: 'List keys, newest first, also those that are no longer good',
      query: pageQuerySchema,
      answers: { 200: pageSchema(apiKeySchema) },
      async handle({ caller, query: { limit, cursor } }) {
        const page = await readPage({ list: 'api keys', caller, limit, cursor }, BY_ID, (before, count) =>
          engine.store.apiKeys.list(caller.scope, count, before),
        );
        return { status: 200, body: { ...page, items: page.items.map(toResource) } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/api-keys/{id}',
      scope: 'admin',
      summary: 'Read what is known of a key, but not the key itself',
      answers: { 200: apiKeySchema },
      async handle({ caller, params }) {
        return { status: 200, body: toResource(await requireApiKey(engine, caller, params.id ?? '')) };
      },
    }),
    route({
      method: 'delete',
      path: '/v1/api-keys/{id}',
      scope: 'admin',
      summary: 'Revoke a key; one that was revoked before keeps the time of that',
      answers: { 200: apiKeySchema },
      async handle({ caller, params }) {
        return { status: 200, body: toResource(await revokeApiKey(engine, caller, params.id ?? '')) };
      },
    }),
  ];
}

function toResource(row: ApiKeyRow): ApiKeyResource {
  return {
    ...row,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}
