import { z } from 'zod';
import { bulkAnswerSchema, bulkQuerySchema, bulkSchema } from '../../contract/bulk.ts';
import { enqueueSchema, retrySchema, webhookEvents } from '../../contract/enqueue.ts';
import { isTerminal, jobSchema } from '../../contract/job.ts';
import { jobListQuerySchema, pageSchema, waitQuerySchema } from '../../contract/list.ts';
import { checkBatchOf } from '../../engine/batches/inquire.ts';
import { findInputFaults } from '../../engine/check-request.ts';
import { cancelJob } from '../../engine/control.ts';
import type { Engine } from '../../engine/engine.ts';
import { enqueueJob } from '../../engine/enqueue.ts';
import { enqueueBulk } from '../../engine/enqueue-bulk.ts';
import { listJobs, requireJob, waitForJob } from '../../engine/inquire.ts';
import { progressOf } from '../../engine/pipelines/progress.ts';
import { sendEvent } from '../../engine/pipelines/send-event.ts';
import { retryJob } from '../../engine/retry.ts';
import { findWaitingFor } from '../../engine/waiting-for.ts';
import { parseBody } from '../body.ts';
import { enqueueStream } from '../enqueue-stream.ts';
import { etagOf, retryAfterOf, toEnqueuedResource, toJobResource } from '../job-resource.ts';
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
      isIdempotent: true,
      findMoreFaults: (body) => findInputFaults(engine, body),
      answers: { 200: jobSchema, 202: jobSchema },
      errors: ['UNKNOWN_TYPE', 'ADDRESS_REFUSED'],
      requestHeaders: ['Prefer'],
      responseHeaders: ['Location', 'Retry-After', 'Preference-Applied'],
      callbacks: { url: 'options/webhook/url', events: webhookEvents },
      async handle({ caller, body, bodyBytes, request, seed, signal }) {
        const seconds = readWaitSeconds(request);
        const enqueued = await enqueueJob(engine, caller, body, { id: seed, jsonBytes: bodyBytes });
        const { id } = enqueued.job;
        const job = seconds ? await waitForJob(engine, caller, id, seconds * 1000, signal()) : enqueued.job;
        const headers = { Location: `/v1/jobs/${job.id}`, ...retryAfterOf(job, Date.now()), ...waitApplied(seconds) };
        return {
          status: seconds && isTerminal(job.status) ? 200 : 202,
          headers,
          body: toEnqueuedResource({ ...enqueued, job }),
        };
      },
    }),
    route({
      method: 'post',
      path: '/v1/jobs/bulk',
      scope: 'jobs:write',
      summary: 'Enqueue many jobs, as one body or as a stream of lines; those that are accepted are committed',
      query: bulkQuerySchema,
      body: bulkSchema,
      isBulk: true,
      readsLines: true,
      isIdempotent: true,
      answers: { 200: bulkAnswerSchema },
      async handle(call) {
        if (call.hasLines) return enqueueStream(engine, call);
        const { caller, query, body, bodyBytes, seed } = call;
        const batchId = body.batchId ?? query.batchId;
        await checkBatchOf(engine, caller, batchId);
        const findMoreFaults = (part: unknown) => findInputFaults(engine, part);
        const parts = await Promise.all(body.jobs.map((part) => parseBody(enqueueSchema, part, { findMoreFaults })));
        return { status: 200, body: await enqueueBulk(engine, caller, seed, parts, { batchId, jsonBytes: bodyBytes }) };
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
        const page = await listJobs(engine, caller, { list: 'jobs', filter, limit, cursor });
        return {
          status: 200,
          body: { items: page.items.map((job) => toJobResource(job)), nextCursor: page.nextCursor },
        };
      },
    }),
    route({
      method: 'get',
      path: '/v1/jobs/{id}',
      scope: 'jobs:read',
      summary: 'Read a job, or wait for its end',
      query: waitQuerySchema,
      answers: { 200: jobSchema },
      requestHeaders: ['Prefer'],
      responseHeaders: ['Retry-After', 'Preference-Applied'],
      async handle({ caller, params, query, request, signal }) {
        const preferred = readWaitSeconds(request);
        const seconds = query.wait ?? preferred;
        const id = params.id ?? '';
        const job = seconds
          ? await waitForJob(engine, caller, id, seconds * 1000, signal())
          : await requireJob(engine, caller, id);
        const [progress, waitingFor] = await Promise.all([progressOf(engine, job), findWaitingFor(engine, job)]);
        const headers = {
          ETag: etagOf(job, progress, waitingFor),
          ...retryAfterOf(job, Date.now()),
          ...waitApplied(preferred && seconds),
        };
        return { status: 200, headers, body: { ...toJobResource(job, progress), waitingFor } };
      },
    }),
    route({
      method: 'post',
      path: '/v1/jobs/{id}/retry',
      scope: 'jobs:write',
      summary: 'Run a job that failed, was cancelled or expired again',
      body: retrySchema,
      answers: { 202: jobSchema },
      errors: ['JOB_NOT_RETRYABLE', 'UNKNOWN_TYPE'],
      responseHeaders: ['Retry-After'],
      async handle({ caller, params, body }) {
        const job = await retryJob(engine, caller, params.id ?? '', body);
        return { status: 202, headers: retryAfterOf(job, Date.now()), body: toJobResource(job) };
      },
    }),
    route({
      method: 'post',
      path: '/v1/jobs/{id}/events/{name}',
      scope: 'jobs:write',
      summary: 'Tell a pipeline something that it waits for; the whole body is what it gets',
      body: z.unknown(),
      emptyBody: null,
      isIdempotent: true,
      answers: { 202: jobSchema },
      errors: ['JOB_TERMINAL'],
      responseHeaders: ['Retry-After'],
      async handle({ caller, params, body, seed }) {
        const job = await sendEvent(engine, caller, params.id ?? '', params.name ?? '', body, seed);
        return { status: 202, headers: retryAfterOf(job, Date.now()), body: toJobResource(job) };
      },
    }),
    route({
      method: 'post',
      path: '/v1/jobs/{id}/cancel',
      scope: 'jobs:write',
      summary: 'Cancel a job that has not ended',
      answers: { 202: jobSchema },
      errors: ['JOB_TERMINAL'],
      async handle({ caller, params }) {
        return { status: 202, body: toJobResource(await cancelJob(engine, caller, params.id ?? '')) };
      },
    }),
  ];
}
