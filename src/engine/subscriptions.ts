import type { SubscriptionChangeRequest, SubscriptionRequest } from '../contract/webhooks.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import { isId } from '../shared/ids.ts';
import type { StoredDelivery } from '../store/deliveries.ts';
import { inTransaction, type Store } from '../store/store.ts';
import type { SubscriptionRow } from '../store/subscriptions.ts';
import { recordAudit } from './audit.ts';
import { checkWebhookAddress, chooseTenant } from './check-request.ts';
import type { Caller, Engine } from './engine.ts';

/**
 * Subscribes an address to the ends of jobs and batches of a tenant: of all that end after the commit.
 * @param id its id; where there is one already, that is returned
 * @throws INVALID_FIELDS, ADDRESS_REFUSED
 */
export async function createSubscription(
  engine: Engine,
  caller: Caller,
  request: SubscriptionRequest,
  id: string,
): Promise<SubscriptionRow> {
  const tenant = chooseTenant(caller, request.tenant);
  if (tenant === undefined) throw invalidFields([{ path: 'tenant', message: 'is not the tenant of this key' }]);
  await checkWebhookAddress(engine, request.url, 'url');
  const { url, events, types, description } = request;
  const row = { id, tenant, url, events: [...new Set(events)], types, description };
  const created = await inTransaction(engine.store, async (store) => {
    const inserted = await store.subscriptions.insert(row);
    const details = { url, events: row.events, types };
    if (inserted) await recordAudit(store, caller, { action: 'webhook.create', target: id, tenant, details });
    return inserted;
  });
  engine.signals.publish('subscriptions', [tenant]);
  return created ?? requireSubscription(engine, caller, id);
}

/** @throws NOT_FOUND, also for another tenant's subscription */
export async function requireSubscription(engine: Engine, caller: Caller, id: string): Promise<SubscriptionRow> {
  return found(isId(id) ? await engine.store.subscriptions.get(caller.scope, id) : undefined, id);
}

/** Switches a subscription on or off, or describes it anew. @throws NOT_FOUND */
export function changeSubscription(
  engine: Engine,
  caller: Caller,
  id: string,
  { enabled, description }: SubscriptionChangeRequest,
): Promise<SubscriptionRow> {
  const change = { isEnabled: enabled, description };
  return act(engine, caller, id, {
    action: 'webhook.update',
    details: { enabled, description },
    perform: (store) => store.subscriptions.update(caller.scope, id, change),
  });
}

/** Removes a subscription; what is still owed to it is not sent. @throws NOT_FOUND */
export async function deleteSubscription(engine: Engine, caller: Caller, id: string): Promise<void> {
  await act(engine, caller, id, {
    action: 'webhook.delete',
    details: {},
    perform: (store) => store.subscriptions.remove(caller.scope, id),
  });
}

/** Sends a delivery again at once, under its id, whatever became of it. @throws NOT_FOUND, also for another tenant's */
export async function redeliver(engine: Engine, caller: Caller, id: string): Promise<StoredDelivery> {
  const delivery = await inTransaction(engine.store, async (store) => {
    const row = isId(id) ? await store.deliveries.redeliver(caller.scope, id) : undefined;
    if (!row) throw new AppError('NOT_FOUND', `there is no webhook delivery ${id}`);
    const { delivery, tenant } = row;
    const details = { url: delivery.url };
    await recordAudit(store, caller, { action: 'webhook-delivery.redeliver', target: id, tenant, details });
    return delivery;
  });
  engine.signals.publish('webhook', [id]);
  return delivery;
}

interface Action {
  action: string;
  details: Record<string, unknown>;
  perform(store: Store): Promise<SubscriptionRow | undefined>;
}

async function act(
  engine: Engine,
  caller: Caller,
  id: string,
  { action, details, perform }: Action,
): Promise<SubscriptionRow> {
  const row = await inTransaction(engine.store, async (store) => {
    const changed = found(isId(id) ? await perform(store) : undefined, id);
    await recordAudit(store, caller, { action, target: id, tenant: changed.tenant, details });
    return changed;
  });
  engine.signals.publish('subscriptions', [row.tenant]);
  return row;
}

function found(row: SubscriptionRow | undefined, id: string): SubscriptionRow {
  if (!row) throw new AppError('NOT_FOUND', `there is no webhook ${id}`);
  return row;
}
