import {
  type BulkActionRequest,
  type BulkActionResource,
  bulkActionRequestSchema,
  bulkActionSchema,
  dryRunSchema,
} from '../../contract/bulk-actions.ts';
import { pageQuerySchema, pageSchema } from '../../contract/list.ts';
import { abortBulkAction, countMatches, createBulkAction, requireBulkAction } from '../../engine/bulk-actions.ts';
import { BY_ID, readPage } from '../../engine/cursors.ts';
import type { Caller, Engine } from '../../engine/engine.ts';
import type { BulkActionRow } from '../../store/bulk-actions.ts';
import { type Reply, type Route, route } from '../route.ts';

/** Actions on all jobs that a filter means. */
export function bulkActionRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/bulk-actions',
      scope: 'jobs:write',
      summary: 'Retry, cancel or delete all jobs that a filter means, or count them',
      isIdempotent: true,
      body: bulkActionRequestSchema,
      answers: { 200: dryRunSchema, 202: bulkActionSchema },
      responseHeaders: ['Location'],
      handle: ({ caller, body, seed }) => startBulkAction(engine, caller, body, seed),
    }),
    route({
      method: 'get',
      path: '/v1/bulk-actions',
      scope: 'jobs:read',
      summary: 'List bulk actions, newest first',
      query: pageQuerySchema,
      answers: { 200: pageSchema(bulkActionSchema) },
      async handle({ caller, query: { limit, cursor } }) {
        const page = await readPage({ list: 'bulk actions', caller, limit, cursor }, BY_ID, (before, count) =>
          engine.store.bulkActions.list(caller.scope, count, before),
        );
        return { status: 200, body: { ...page, items: page.items.map(toResource) } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/bulk-actions/{id}',
      scope: 'jobs:read',
      summary: 'Read a bulk action and its progress',
      answers: { 200: bulkActionSchema },
      async handle({ caller, params }) {
        return { status: 200, body: toResource(await requireBulkAction(engine, caller, params.id ?? '')) };
      },
    }),
    route({
      method: 'post',
      path: '/v1/bulk-actions/{id}/abort',
      scope: 'jobs:write',
      summary: 'End a bulk action early; what it has done stays done',
      answers: { 200: bulkActionSchema },
      errors: ['ACTION_FINISHED'],
      async handle({ caller, params }) {
        return { status: 200, body: toResource(await abortBulkAction(engine, caller, params.id ?? '')) };
      },
    }),
  ];
}

/** Begins an action of this id, or only counts its jobs. */
export async function startBulkAction(
  engine: Engine,
  caller: Caller,
  request: BulkActionRequest,
  id: string,
): Promise<Reply> {
  if (request.dryRun) return { status: 200, body: await countMatches(engine, caller, request) };
  const action = await createBulkAction(engine, caller, request, id);
  return { status: 202, headers: { Location: `/v1/bulk-actions/${action.id}` }, body: toResource(action) };
}

function toResource({ tenant: _tenant, cursor: _cursor, ...row }: BulkActionRow): BulkActionResource {
  return {
    ...row,
    filter: row.filter as Record<string, unknown>,
    createdAt: row.createdAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}
