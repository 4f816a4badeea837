import { type AttemptResource, attemptSchema, logLineSchema } from '../../contract/job.ts';
import { pageQuerySchema, pageSchema } from '../../contract/list.ts';
import { stepSchema, stepsQuerySchema } from '../../contract/steps.ts';
import { deliverySchema } from '../../contract/webhooks.ts';
import { BY_ID, type Place, readPage } from '../../engine/cursors.ts';
import type { Engine } from '../../engine/engine.ts';
import { requireJob } from '../../engine/inquire.ts';
import { listSteps } from '../../engine/pipelines/list-steps.ts';
import type { JobRow } from '../../store/job-row.ts';
import type { StoredLogLine } from '../../store/journal.ts';
import { toAttemptResource, toCompletedAttempt, toDeliveryResource, toLogLineResource } from '../job-resource.ts';
import { type Route, route } from '../route.ts';

const BY_FENCE: Place<{ fence: number }> = { pattern: /^\d{1,15}$/, of: ({ fence }) => String(fence) };
const BY_LINE: Place<StoredLogLine> = {
  pattern: /^\d{1,15}\.\d{1,7}$/,
  of: ({ fence, seq }) => `${fence}.${seq}`,
};

/** What happened to a job: its attempts, its lines, its steps, its webhooks. */
export function jobHistoryRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/jobs/{id}/attempts',
      scope: 'jobs:read',
      summary: 'List the attempts that have ended, oldest first',
      query: pageQuerySchema,
      answers: { 200: pageSchema(attemptSchema) },
      async handle({ caller, params, query }) {
        const job = await requireJob(engine, caller, params.id ?? '');
        const page = await readPage(
          { list: `attempts of ${job.id}`, caller, limit: query.limit, cursor: query.cursor },
          BY_FENCE,
          (after, count) => listAttempts(engine, job, Number(after ?? 0), count),
        );
        return { status: 200, body: { ...page, items: page.items.map(({ attempt }) => attempt) } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}/logs',
      scope: 'jobs:read',
      summary: 'List the lines that a job wrote, oldest first',
      query: pageQuerySchema,
      answers: { 200: pageSchema(logLineSchema) },
      async handle({ caller, params, query }) {
        const job = await requireJob(engine, caller, params.id ?? '');
        const page = await readPage(
          { list: `logs of ${job.id}`, caller, limit: query.limit, cursor: query.cursor },
          BY_LINE,
          (after, count) => {
            const [fence = 0, seq = 0] = (after ?? '0.0').split('.').map(Number);
            return engine.store.journal.logs(job.id, { fence, seq }, count);
          },
        );
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
      query: pageQuerySchema,
      answers: { 200: pageSchema(deliverySchema) },
      async handle({ caller, params, query }) {
        const job = await requireJob(engine, caller, params.id ?? '');
        const page = await readPage(
          { list: `webhooks of ${job.id}`, caller, limit: query.limit, cursor: query.cursor },
          BY_ID,
          (after, count) => engine.store.deliveries.list(job.id, after, count),
        );
        return { status: 200, body: { ...page, items: page.items.map(toDeliveryResource) } };
      },
    }),
  ];
}

async function listAttempts(
  engine: Engine,
  job: JobRow,
  afterFence: number,
  limit: number,
): Promise<{ fence: number; attempt: AttemptResource }[]> {
  const rows = await engine.store.journal.attempts(job.id, afterFence, limit);
  const ended = rows.map((row) => ({ fence: row.fence, attempt: toAttemptResource(row) }));
  // Its run has the newest fence, so it is the last of all.
  const completed = job.fence > afterFence ? toCompletedAttempt(job) : undefined;
  return completed ? [...ended, { fence: job.fence, attempt: completed }] : ended;
}
