import { pageQuerySchema, pageSchema } from '../../contract/list.ts';
import {
  deliveryListQuerySchema,
  deliverySchema,
  type SubscriptionResource,
  subscriptionChangeSchema,
  subscriptionEvents,
  subscriptionRequestSchema,
  subscriptionSchema,
} from '../../contract/webhooks.ts';
import { BY_ID, readPage } from '../../engine/cursors.ts';
import type { Engine } from '../../engine/engine.ts';
import {
  changeSubscription,
  createSubscription,
  deleteSubscription,
  redeliver,
  requireSubscription,
} from '../../engine/subscriptions.ts';
import type { SubscriptionRow } from '../../store/subscriptions.ts';
import { toDeliveryResource } from '../job-resource.ts';
import { type Route, route } from '../route.ts';

/** Who is told of the ends of all jobs of a tenant, and what they were told. */
export function webhookRoutes(engine: Engine): Route[] {
  return [...subscriptionRoutes(engine), ...deliveryRoutes(engine)];
}

function subscriptionRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/webhooks',
      scope: 'admin',
      summary: 'Subscribe an address to the ends of jobs and batches',
      body: subscriptionRequestSchema,
      isIdempotent: true,
      answers: { 201: subscriptionSchema },
      errors: ['ADDRESS_REFUSED'],
      responseHeaders: ['Location'],
      callbacks: { url: 'url', events: subscriptionEvents },
      async handle({ caller, body, seed }) {
        const row = await createSubscription(engine, caller, body, seed);
        return { status: 201, headers: { Location: `/v1/webhooks/${row.id}` }, body: toResource(row) };
      },
    }),
    route({
      method: 'get',
      path: '/v1/webhooks',
      scope: 'jobs:read',
      summary: 'List subscriptions, newest first',
      query: pageQuerySchema,
      answers: { 200: pageSchema(subscriptionSchema) },
      async handle({ caller, query: { limit, cursor } }) {
        const page = await readPage({ list: 'webhooks', caller, limit, cursor }, BY_ID, (before, count) =>
          engine.store.subscriptions.list(caller.scope, count, before),
        );
        return { status: 200, body: { ...page, items: page.items.map(toResource) } };
      },
    }),
    route({
      method: 'get',
      path: '/v1/webhooks/{id}',
      scope: 'jobs:read',
      summary: 'Read a subscription',
      answers: { 200: subscriptionSchema },
      async handle({ caller, params }) {
        return { status: 200, body: toResource(await requireSubscription(engine, caller, params.id ?? '')) };
      },
    }),
    route({
      method: 'patch',
      path: '/v1/webhooks/{id}',
      scope: 'admin',
      summary: 'Switch a subscription on or off, or describe it anew',
      body: subscriptionChangeSchema,
      answers: { 200: subscriptionSchema },
      async handle({ caller, params, body }) {
        return { status: 200, body: toResource(await changeSubscription(engine, caller, params.id ?? '', body)) };
      },
    }),
    route({
      method: 'delete',
      path: '/v1/webhooks/{id}',
      scope: 'admin',
      summary: 'Delete a subscription; what is still owed to it is not sent',
      answers: { 204: null },
      async handle({ caller, params }) {
        await deleteSubscription(engine, caller, params.id ?? '');
        return { status: 204 };
      },
    }),
  ];
}

function deliveryRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/webhook-deliveries',
      scope: 'jobs:read',
      summary: 'List webhook deliveries, newest first',
      query: deliveryListQuerySchema,
      answers: { 200: pageSchema(deliverySchema) },
      async handle({ caller, query: { limit, cursor, ...filter } }) {
        const query = { list: 'webhook deliveries', caller, filter, limit, cursor };
        const page = await readPage(query, BY_ID, (before, count) =>
          engine.store.deliveries.search(caller.scope, filter, count, before),
        );
        return { status: 200, body: { ...page, items: page.items.map(toDeliveryResource) } };
      },
    }),
    route({
      method: 'post',
      path: '/v1/webhook-deliveries/{id}/redeliver',
      scope: 'jobs:write',
      summary: 'Send a delivery again at once, under the same webhook-id, whatever became of it',
      answers: { 202: deliverySchema },
      async handle({ caller, params }) {
        return { status: 202, body: toDeliveryResource(await redeliver(engine, caller, params.id ?? '')) };
      },
    }),
  ];
}

function toResource({ createdAt, disabledAt, ...row }: SubscriptionRow): SubscriptionResource {
  return { ...row, createdAt: createdAt.toISOString(), disabledAt: disabledAt?.toISOString() ?? null };
}
