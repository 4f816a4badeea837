import { enqueueSchema } from '../../contract/enqueue.ts';
import { isTerminal, jobSchema } from '../../contract/job.ts';
import { jobListQuerySchema, pageSchema, waitQuerySchema } from '../../contract/list.ts';
import { cancelJob } from '../../engine/control.ts';
import type { Engine } from '../../engine/engine.ts';
import { enqueueJob, findInputFaults } from '../../engine/enqueue.ts';
import { listJobs, requireJob, waitForJob } from '../../engine/inquire.ts';
import { etagOf, retryAfterOf, toJobResource } from '../job-resource.ts';
import { readWaitSeconds, waitApplied } from '../preferences.ts';
import { type Route, route } from '../route.ts';

export function jobRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/jobs',
      scope: 'jobs:write',
      summary: 'Enqueue a job; 202 means that it is committed',
      body: enqueueSchema,
      findMoreFaults: (body) => findInputFaults(engine, body),
      answers: { 200: jobSchema, 202: jobSchema },
      async handle({ caller, body, request, signal }) {
        const seconds = readWaitSeconds(request);
        const created = await enqueueJob(engine, caller, body);
        const job = seconds ? await waitForJob(engine, caller, created.id, seconds * 1000, signal) : created;
        const headers = { Location: `/v1/jobs/${job.id}`, ...retryAfterOf(job, Date.now()), ...waitApplied(seconds) };
        return { status: seconds && isTerminal(job.status) ? 200 : 202, headers, body: toJobResource(job) };
      },
    }),
    route({
      method: 'get',
      path: '/v1/jobs',
      scope: 'jobs:read',
      summary: 'List jobs, newest first',
      query: jobListQuerySchema,
      answers: { 200: pageSchema(jobSchema) },
      async handle({ caller, query }) {
        const { limit, cursor, ...filter } = query;
        const page = await listJobs(engine, caller, filter, limit, cursor);
        return { status: 200, body: { items: page.items.map(toJobResource), nextCursor: page.nextCursor } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}',
      scope: 'jobs:read',
      summary: 'Read a job, or wait for its end',
      query: waitQuerySchema,
      answers: { 200: jobSchema, 304: null },
      async handle({ caller, params, query, request, signal }) {
        const preferred = readWaitSeconds(request);
        const seconds = query.wait ?? preferred;
        const id = params.id ?? '';
        const job = seconds
          ? await waitForJob(engine, caller, id, seconds * 1000, signal)
          : await requireJob(engine, caller, id);
        const headers = { ETag: etagOf(job), ...retryAfterOf(job, Date.now()), ...waitApplied(preferred && seconds) };
        return { status: 200, headers, body: toJobResource(job) };
      },
    }),
    route({
      method: 'post',
      path: '/v1/jobs/{id}/cancel',
      scope: 'jobs:write',
      summary: 'Cancel a job that has not ended',
      answers: { 202: jobSchema },
      async handle({ caller, params }) {
        return { status: 202, body: toJobResource(await cancelJob(engine, caller, params.id ?? '')) };
      },
    }),
  ];
}
