import { auditEntrySchema, auditQuerySchema } from '../../contract/audit.ts';
import { pageSchema } from '../../contract/list.ts';
import { BY_ID, readPage } from '../../engine/cursors.ts';
import type { Engine } from '../../engine/engine.ts';
import { type Route, route } from '../route.ts';

export function auditRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/audit',
      scope: 'admin',
      summary: 'List what was done on purpose, newest first',
      query: auditQuerySchema,
      answers: { 200: pageSchema(auditEntrySchema) },
      async handle({ caller, query: { limit, cursor, ...filter } }) {
        const page = await readPage({ list: 'audit', caller, filter, limit, cursor }, BY_ID, (before, count) =>
          engine.store.audit.list(caller.scope, filter, count, before),
        );
        const items = page.items.map((entry) => ({ ...entry, at: entry.at.toISOString() }));
        return { status: 200, body: { ...page, items } };
      },
    }),
  ];
}
