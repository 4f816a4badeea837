import type { Page } from '../contract/list.ts';
import type {
  DeliveryResource,
  DeliveryStatus,
  SubscriptionChangeRequest,
  SubscriptionInput,
  SubscriptionResource,
} from '../contract/webhooks.ts';
import type { Connection } from './connection.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';
import type { PageQuery } from './pages.ts';

export interface DeliveriesQuery extends PageQuery {
  status?: DeliveryStatus | undefined;
  subscriptionId?: string | undefined;
  jobId?: string | undefined;
}

export interface WebhooksClient {
  /** Subscribes an address to the ends of jobs and batches of a tenant: of all that end from now on. @throws ADDRESS_REFUSED */
  create(subscription: SubscriptionInput, call?: CreateOptions): Promise<SubscriptionResource>;
  /** One page, newest first. */
  list(query?: PageQuery): Promise<Page<SubscriptionResource>>;
  /** @throws NOT_FOUND */
  get(id: string): Promise<SubscriptionResource>;
  /** Switches it on or off, or describes it anew. @throws NOT_FOUND */
  update(id: string, change: SubscriptionChangeRequest): Promise<SubscriptionResource>;
  /** What is still owed to it is not sent. @throws NOT_FOUND */
  delete(id: string): Promise<void>;
  /** One page of what was sent and is to be sent, newest first. */
  deliveries(query?: DeliveriesQuery): Promise<Page<DeliveryResource>>;
  /** Sends a delivery again at once, under the same `webhook-id`, whatever became of it. @throws NOT_FOUND */
  redeliver(deliveryId: string): Promise<DeliveryResource>;
}

export function createWebhooksClient(connection: Connection): WebhooksClient {
  const path = '/v1/webhooks';
  const deliveries = '/v1/webhook-deliveries';
  const pathOf = (id: string) => `${path}/${encodeURIComponent(id)}`;
  return {
    create: (subscription, call = {}) =>
      connection.requestJson(path, {
        method: 'POST',
        body: subscription,
        headers: formatKey(call),
        signal: call.signal,
      }),
    list: (query = {}) => connection.requestJson(path, { query: { ...query } }),
    get: (id) => connection.requestJson(pathOf(id)),
    update: (id, change) => connection.requestJson(pathOf(id), { method: 'PATCH', body: change }),
    async delete(id) {
      await connection.openStream(pathOf(id), { method: 'DELETE' });
    },
    deliveries: (query = {}) => connection.requestJson(deliveries, { query: { ...query } }),
    redeliver: (id) => connection.requestJson(`${deliveries}/${encodeURIComponent(id)}/redeliver`, { method: 'POST' }),
  };
}
