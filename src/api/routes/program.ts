import { z } from 'zod';
import { pageQuerySchema, pageSchema } from '../../contract/list.ts';
import { queueResourceSchema, statsSchema, typeResourceSchema } from '../../contract/program.ts';
import { setQueuePaused } from '../../engine/control.ts';
import { pageByName } from '../../engine/cursors.ts';
import type { Engine } from '../../engine/engine.ts';
import { getQueue, getStats, listQueues, listTypes } from '../../engine/overview.ts';
import { type Route, route } from '../route.ts';

/** What the program can do and how it fares. */
export function programRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/types',
      scope: 'jobs:read',
      summary: 'List the job types with the JSON Schema of their input',
      query: pageQuerySchema,
      answers: { 200: pageSchema(typeResourceSchema) },
      async handle({ caller, query: { limit, cursor } }) {
        const list = { list: 'types', caller, limit, cursor };
        return { status: 200, body: await pageByName(listTypes(engine), list, ({ type }) => type) };
      },
    }),
    route({
      method: 'get',
      path: '/v1/queues',
      scope: 'jobs:read',
      summary: 'List the queues with their counts',
      query: pageQuerySchema,
      answers: { 200: pageSchema(queueResourceSchema) },
      async handle({ caller, query: { limit, cursor } }) {
        const list = { list: 'queues', caller, limit, cursor };
        return { status: 200, body: await pageByName(await listQueues(engine, caller), list, ({ name }) => name) };
      },
    }),
    route({
      method: 'get',
      path: '/v1/queues/{name}',
      scope: 'jobs:read',
      summary: 'Read a queue',
      answers: { 200: queueResourceSchema },
      handle: async ({ caller, params }) => ({ status: 200, body: await getQueue(engine, caller, params.name ?? '') }),
    }),
    pauseRoute(engine, 'pause', 'Take no more jobs of a queue; those that run go on', true),
    pauseRoute(engine, 'resume', 'Take jobs of a paused queue again', false),
    route({
      method: 'get',
      path: '/v1/stats',
      scope: 'jobs:read',
      summary: 'Count jobs, workers and webhooks',
      answers: { 200: statsSchema },
      handle: async ({ caller }) => ({ status: 200, body: await getStats(engine, caller) }),
    }),
  ];
}

function pauseRoute(engine: Engine, verb: string, summary: string, isPaused: boolean): Route {
  return route({
    method: 'post',
    path: `/v1/queues/{name}/${verb}`,
    scope: 'admin',
    isForAll: true,
    summary,
    body: z.unknown(),
    answers: { 200: queueResourceSchema },
    async handle({ caller, params }) {
      const name = params.name ?? '';
      await setQueuePaused(engine, caller, name, isPaused);
      return { status: 200, body: await getQueue(engine, caller, name) };
    },
  });
}
