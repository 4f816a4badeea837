import { aiUsageQuerySchema, aiUsageSchema } from '../../contract/ai-usage.ts';
import { pageSchema } from '../../contract/list.ts';
import { listAiUsage } from '../../engine/ai-usage.ts';
import type { Engine } from '../../engine/engine.ts';
import { type Route, route } from '../route.ts';

export function aiUsageRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/ai-usage',
      scope: 'jobs:read',
      summary: 'List what AI calls used, by tenant, day and model, newest day first',
      query: aiUsageQuerySchema,
      answers: { 200: pageSchema(aiUsageSchema) },
      async handle({ caller, query: { limit, cursor, ...filter } }) {
        return { status: 200, body: await listAiUsage(engine, caller, filter, limit, cursor) };
      },
    }),
  ];
}
