import { pageQuerySchema, pageSchema } from '../../contract/list.ts';
import { type WorkerResource, workerSchema } from '../../contract/workers.ts';
import { type Place, readPage } from '../../engine/cursors.ts';
import type { Engine } from '../../engine/engine.ts';
import { AppError } from '../../shared/errors.ts';
import type { ListedWorker } from '../../store/workers.ts';
import { type Route, route } from '../route.ts';

const BY_NAME: Place<ListedWorker> = { pattern: /^[^\p{Cc}\p{Cs}]+$/u, of: ({ id }) => id };

/** The processes that run jobs. Those that have been silent for long are forgotten. */
export function workerRoutes({ store }: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/workers',
      scope: 'jobs:read',
      summary: 'List the workers and what they run',
      query: pageQuerySchema,
      answers: { 200: pageSchema(workerSchema) },
      async handle({ caller, query: { limit, cursor } }) {
        const page = await readPage({ list: 'workers', caller, limit, cursor }, BY_NAME, (afterId, count) =>
          store.workers.list(caller.scope, { afterId, limit: count }),
        );
        return { status: 200, body: { ...page, items: page.items.map(toResource) } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/workers/{id}',
      scope: 'jobs:read',
      summary: 'Read a worker and what it runs',
      answers: { 200: workerSchema },
      async handle({ caller, params: { id = '' } }) {
        const [row] = id.includes('\u0000') ? [] : await store.workers.list(caller.scope, { id, limit: 1 });
        if (!row) throw new AppError('NOT_FOUND', `there is no worker ${id}`);
        return { status: 200, body: toResource(row) };
      },
    }),
  ];
}

function toResource({ startedAt, heartbeatAt, ...row }: ListedWorker): WorkerResource {
  return { ...row, startedAt: startedAt.toISOString(), lastHeartbeatAt: heartbeatAt.toISOString() };
}
