import { AppError, invalidFields } from '../shared/errors.ts';
import { isId } from '../shared/ids.ts';
import type { UserNotificationRow } from '../store/user-notifications.ts';
import { type Caller, DEFAULT_TENANT, type Engine } from './engine.ts';

/**
 * Whose users are meant: two tenants may name theirs alike.
 * @param wanted for callers who see all tenants
 * @throws INVALID_FIELDS for another tenant than the caller's
 */
export function chooseOwner({ scope }: Caller, wanted: string | undefined): { tenant: string } {
  if (scope === 'all') return { tenant: wanted ?? DEFAULT_TENANT };
  if (wanted === undefined || wanted === scope.tenant) return scope;
  throw invalidFields([{ path: 'tenant', message: 'is not the tenant of this key' }]);
}

/** Marks a message as read. @throws NOT_FOUND, also for another tenant's */
export async function requireRead(engine: Engine, { scope }: Caller, id: string): Promise<UserNotificationRow> {
  const row = isId(id) ? await engine.store.userNotifications.markRead(scope, id) : undefined;
  if (!row) throw new AppError('NOT_FOUND', `there is no notification ${id}`);
  return row;
}
