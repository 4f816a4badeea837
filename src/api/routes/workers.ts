import { pageSchema, toPage } from '../../contract/list.ts';
import { type WorkerResource, workerListQuerySchema, workerSchema } from '../../contract/workers.ts';
import type { Engine } from '../../engine/engine.ts';
import { AppError } from '../../shared/errors.ts';
import type { ListedWorker } from '../../store/workers.ts';
import { type Route, route } from '../route.ts';

const CURSOR_PREFIX = 'worker:';

/** The processes that run jobs. Those that have been silent for long are forgotten. */
export function workerRoutes({ store }: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/workers',
      scope: 'jobs:read',
      summary: 'List the workers and what they run',
      query: workerListQuerySchema,
      answers: { 200: pageSchema(workerSchema) },
      async handle({ caller, query: { limit, cursor } }) {
        const afterId = cursor?.slice(CURSOR_PREFIX.length) ?? null;
        const rows = await store.workers.list(caller.scope, { afterId, limit: limit + 1 });
        const page = toPage(rows, limit, ({ id }) => CURSOR_PREFIX + id);
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
