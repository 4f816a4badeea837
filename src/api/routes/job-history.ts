import { z } from 'zod';
import { attemptSchema, logLineSchema } from '../../contract/job.ts';
import { pageQuerySchema, pageSchema, toPage } from '../../contract/list.ts';
import { stepSchema, stepsQuerySchema } from '../../contract/steps.ts';
import { deliverySchema } from '../../contract/webhooks.ts';
import type { Engine } from '../../engine/engine.ts';
import { requireJob } from '../../engine/inquire.ts';
import { listSteps } from '../../engine/pipelines/list-steps.ts';
import { toAttemptResource, toCompletedAttempt, toDeliveryResource, toLogLineResource } from '../job-resource.ts';
import { type Route, route } from '../route.ts';

const NO_CURSOR = 'is not a cursor of this list';
const numberCursor = z.coerce.number(NO_CURSOR).int(NO_CURSOR).min(0, NO_CURSOR).default(0);
const logCursor = z
  .string()
  .regex(/^\d{1,15}\.\d{1,7}$/, NO_CURSOR)
  .default('0.0');

/** What happened to a job: its attempts, its lines, its steps, its webhooks. */
export function jobHistoryRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/jobs/{id}/attempts',
      scope: 'jobs:read',
      summary: 'List the attempts that have ended, oldest first',
      query: pageQuerySchema.extend({ cursor: numberCursor }),
      answers: { 200: pageSchema(attemptSchema) },
      async handle({ caller, params, query }) {
        const job = await requireJob(engine, caller, params.id ?? '');
        const rows = await engine.store.journal.attempts(job.id, query.cursor, query.limit + 1);
        const ended = rows.map((row) => ({ fence: row.fence, attempt: toAttemptResource(row) }));
        // Its run has the newest fence, so it is the last of all.
        const completed = job.fence > query.cursor ? toCompletedAttempt(job) : undefined;
        if (completed) ended.push({ fence: job.fence, attempt: completed });
        const page = toPage(ended, query.limit, ({ fence }) => String(fence));
        return { status: 200, body: { ...page, items: page.items.map(({ attempt }) => attempt) } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}/logs',
      scope: 'jobs:read',
      summary: 'List the lines that a job wrote, oldest first',
      query: pageQuerySchema.extend({ cursor: logCursor }),
      answers: { 200: pageSchema(logLineSchema) },
      async handle({ caller, params, query }) {
        const job = await requireJob(engine, caller, params.id ?? '');
        const [fence = 0, seq = 0] = query.cursor.split('.').map(Number);
        const lines = await engine.store.journal.logs(job.id, { fence, seq }, query.limit + 1);
        const page = toPage(lines, query.limit, (line) => `${line.fence}.${line.seq}`);
        return { status: 200, body: { ...page, items: page.items.map(toLogLineResource) } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}/steps',
      scope: 'jobs:read',
      summary: 'List the steps of a pipeline, in the order of its calls',
      query: stepsQuerySchema,
      answers: { 200: pageSchema(stepSchema) },
      async handle({ caller, params, query }) {
        return { status: 200, body: await listSteps(engine, caller, params.id ?? '', query) };
      },
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}/webhooks',
      scope: 'jobs:read',
      summary: "List a job's webhook deliveries, oldest first",
      query: pageQuerySchema.extend({ cursor: z.uuid(NO_CURSOR).optional() }),
      answers: { 200: pageSchema(deliverySchema) },
      async handle({ caller, params, query }) {
        const job = await requireJob(engine, caller, params.id ?? '');
        const rows = await engine.store.deliveries.list(job.id, query.cursor ?? null, query.limit + 1);
        const page = toPage(rows, query.limit, (row) => row.id);
        return { status: 200, body: { ...page, items: page.items.map(toDeliveryResource) } };
      },
    }),
  ];
}
