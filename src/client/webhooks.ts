import type {
  DeliveryResource,
  DeliveryStatus,
  SubscriptionChangeRequest,
  SubscriptionInput,
  SubscriptionResource,
} from '../contract/webhooks.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

export interface DeliveriesQuery extends PageQuery {
  status?: DeliveryStatus | undefined;
  subscriptionId?: string | undefined;
  jobId?: string | undefined;
}

export interface WebhooksClient {
  /** Subscribes an address to the ends of jobs and batches of a tenant: of all that end from now on. @throws ADDRESS_REFUSED */
  create(subscription: SubscriptionInput, call?: CreateOptions): Promise<SubscriptionResource>;
  /** Newest first. */
  list(query?: PageQuery, call?: CallOptions): PageList<SubscriptionResource>;
  /** @throws NOT_FOUND */
  get(id: string, call?: CallOptions): Promise<SubscriptionResource>;
  /** Switches it on or off, or describes it anew. @throws NOT_FOUND */
  update(id: string, change: SubscriptionChangeRequest, call?: CallOptions): Promise<SubscriptionResource>;
  /** What is still owed to it is not sent. @throws NOT_FOUND */
  delete(id: string, call?: CallOptions): Promise<void>;
  /** What was sent and is to be sent, newest first. */
  deliveries(query?: DeliveriesQuery, call?: CallOptions): PageList<DeliveryResource>;
  /** Sends a delivery again at once, under the same `webhook-id`, whatever became of it. @throws NOT_FOUND */
  redeliver(deliveryId: string, call?: CallOptions): Promise<DeliveryResource>;
}

export function createWebhooksClient(connection: Connection): WebhooksClient {
  const path = '/v1/webhooks';
  const deliveries = '/v1/webhook-deliveries';
  const pathOf = (id: string) => `${path}/${encodeURIComponent(id)}`;
  return {
    create: (subscription, { idempotencyKey, ...call } = {}) =>
      connection.requestJson(path, {
        ...call,
        method: 'POST',
        body: subscription,
        headers: formatKey({ idempotencyKey }),
      }),
    list: (query, call) => requestPages(connection, path, { ...query }, call),
    get: (id, call = {}) => connection.requestJson(pathOf(id), call),
    update: (id, change, call = {}) => connection.requestJson(pathOf(id), { ...call, method: 'PATCH', body: change }),
    async delete(id, call = {}) {
      await connection.openStream(pathOf(id), { ...call, method: 'DELETE' });
    },
    deliveries: (query, call) => requestPages(connection, deliveries, { ...query }, call),
    redeliver: (id, call = {}) =>
      connection.requestJson(`${deliveries}/${encodeURIComponent(id)}/redeliver`, { ...call, method: 'POST' }),
  };
}
