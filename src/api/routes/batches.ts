import {
  type BatchResource,
  batchRequestSchema,
  batchSchema,
  cancelledBatchSchema,
  createdBatchSchema,
} from '../../contract/batches.ts';
import { enqueueSchema } from '../../contract/enqueue.ts';
import { pageQuerySchema, pageSchema } from '../../contract/list.ts';
import { countsOf, percentOf, statusOf } from '../../engine/batches/counts.ts';
import { createBatch } from '../../engine/batches/create-batch.ts';
import { cancelBatch, closeBatch } from '../../engine/batches/end-batch.ts';
import { listBatches, requireBatch } from '../../engine/batches/inquire.ts';
import { findInputFaults } from '../../engine/check-request.ts';
import type { Engine } from '../../engine/engine.ts';
import { invalidFields } from '../../shared/errors.ts';
import type { BatchRow } from '../../store/batches.ts';
import { parseBody } from '../body.ts';
import { type Route, route } from '../route.ts';

/** Jobs that belong together. */
export function batchRoutes(engine: Engine): Route[] {
  const findMoreFaults = (part: unknown) => findInputFaults(engine, part);
  return [
    route({
      method: 'post',
      path: '/v1/batches',
      scope: 'jobs:write',
      summary: 'Make a batch, with its jobs or for jobs to come',
      body: batchRequestSchema,
      isBulk: true,
      isIdempotent: true,
      answers: { 201: createdBatchSchema },
      responseHeaders: ['Location'],
      async handle({ caller, body, seed }) {
        const { jobs: list, ...rest } = body;
        const own = await parseBody(batchRequestSchema, rest); // the jobs are checked one by one
        if (!own.ok) throw invalidFields(own.faults);
        const parts =
          list && (await Promise.all(list.map((part) => parseBody(enqueueSchema, part, { findMoreFaults }))));
        const { batch, jobs } = await createBatch(engine, caller, { seed, request: body, parts });
        return {
          status: 201,
          headers: { Location: `/v1/batches/${batch.id}` },
          body: { ...toBatchResource(batch), ...(jobs ? { jobs } : {}) },
        };
      },
    }),
    route({
      method: 'get',
      path: '/v1/batches',
      scope: 'jobs:read',
      summary: 'List batches, newest first',
      query: pageQuerySchema,
      answers: { 200: pageSchema(batchSchema) },
      async handle({ caller, query }) {
        const page = await listBatches(engine, caller, query.limit, query.cursor);
        return { status: 200, body: { ...page, items: page.items.map(toBatchResource) } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/batches/{id}',
      scope: 'jobs:read',
      summary: 'Read a batch, its counts and its progress',
      answers: { 200: batchSchema },
      async handle({ caller, params }) {
        return { status: 200, body: toBatchResource(await requireBatch(engine, caller, params.id ?? '')) };
      },
    }),
    route({
      method: 'post',
      path: '/v1/batches/{id}/close',
      scope: 'jobs:write',
      summary: 'Say that no more jobs come: the batch ends with the last of them',
      answers: { 200: batchSchema },
      async handle({ caller, params }) {
        return { status: 200, body: toBatchResource(await closeBatch(engine, caller, params.id ?? '')) };
      },
    }),
    route({
      method: 'post',
      path: '/v1/batches/{id}/cancel',
      scope: 'jobs:write',
      summary: 'Close a batch and cancel those of its jobs that have not ended',
      isIdempotent: true,
      answers: { 202: cancelledBatchSchema },
      responseHeaders: ['Location'],
      async handle({ caller, params, seed }) {
        const { batch, action } = await cancelBatch(engine, caller, params.id ?? '', seed);
        return {
          status: 202,
          headers: { Location: `/v1/bulk-actions/${action.id}` },
          body: { ...toBatchResource(batch), bulkActionId: action.id },
        };
      },
    }),
  ];
}

function toBatchResource(batch: BatchRow): BatchResource {
  const self = `/v1/batches/${batch.id}`;
  return {
    id: batch.id,
    name: batch.name,
    tenant: batch.tenant,
    status: statusOf(batch),
    metadata: batch.metadata,
    counts: countsOf(batch),
    progress: { percent: percentOf(batch) },
    createdAt: batch.createdAt.toISOString(),
    closedAt: batch.closedAt?.toISOString() ?? null,
    finishedAt: batch.finishedAt?.toISOString() ?? null,
    onCompleteJobId: batch.onCompleteJobId,
    links: { self, jobs: `/v1/jobs?batchId=${batch.id}`, close: `${self}/close`, cancel: `${self}/cancel` },
  };
}
