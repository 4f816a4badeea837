import { createId } from '../shared/ids.ts';
import type { Store } from '../store/store.ts';
import type { Caller } from './engine.ts';

export interface AuditedAction {
  /** `<what>.<verb>`, e.g. `job.cancel`. */
  action: string;
  target?: string;
  details?: Record<string, unknown>;
  /** Whose data it changes; null for those of all; default: the tenant of the caller, or all. */
  tenant?: string | null;
}

/**
 * Writes down what an operator does. Called with the store of the transaction that does it, where there is one.
 * @throws STORE_UNAVAILABLE
 */
export async function recordAudit(
  store: Store,
  caller: Caller,
  { action, target, details = {}, tenant }: AuditedAction,
): Promise<void> {
  await store.audit.insert({
    id: createId(),
    tenant: tenant === undefined ? (caller.scope === 'all' ? null : caller.scope.tenant) : tenant,
    actor: caller.actor,
    action,
    target: target ?? null,
    details,
  });
}
