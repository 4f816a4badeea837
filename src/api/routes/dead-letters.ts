import { z } from 'zod';
import { bulkActionSchema, dryRunSchema } from '../../contract/bulk-actions.ts';
import { deadLetterActionSchema, deadLetterGroupSchema, deadLetterQuerySchema } from '../../contract/dead-letters.ts';
import { jobSchema } from '../../contract/job.ts';
import { pageSchema } from '../../contract/list.ts';
import { listFailureGroups } from '../../engine/dead-letters.ts';
import type { Engine } from '../../engine/engine.ts';
import { listJobs } from '../../engine/inquire.ts';
import { toJobResource } from '../job-resource.ts';
import { type Route, route } from '../route.ts';
import { startBulkAction } from './bulk-actions.ts';

/** The jobs that failed: what went wrong, and what becomes of them. */
export function deadLetterRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/dead-letters',
      scope: 'jobs:read',
      summary: 'List failed jobs, newest first, or with groupBy=error the kinds of their failures',
      query: deadLetterQuerySchema,
      answers: { 200: z.union([pageSchema(jobSchema), pageSchema(deadLetterGroupSchema)]) },
      async handle({ caller, query }) {
        const { limit, cursor, groupBy, ...filter } = query;
        if (groupBy) return { status: 200, body: await listFailureGroups(engine, caller, filter, limit, cursor) };
        const failed = { ...filter, status: ['failed' as const] };
        const page = await listJobs(engine, caller, { list: 'dead letters', filter: failed, limit, cursor });
        return {
          status: 200,
          body: { items: page.items.map((job) => toJobResource(job)), nextCursor: page.nextCursor },
        };
      },
    }),
    actionRoute(engine, 'retry', 'retry', 'Run failed jobs again, or count them'),
    actionRoute(engine, 'discard', 'delete', 'Remove failed jobs for good, or count them'),
  ];
}

function actionRoute(engine: Engine, verb: string, action: 'retry' | 'delete', summary: string): Route {
  return route({
    method: 'post',
    path: `/v1/dead-letters/${verb}`,
    scope: 'jobs:write',
    summary,
    isIdempotent: true,
    body: deadLetterActionSchema,
    answers: { 200: dryRunSchema, 202: bulkActionSchema },
    responseHeaders: ['Location'],
    handle: ({ caller, body, seed }) =>
      startBulkAction(engine, caller, { ...body, action, filter: { ...body.filter, status: ['failed'] } }, seed),
  });
}
