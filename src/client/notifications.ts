import type { NotificationResource } from '../contract/notifications.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';

export interface NotificationsQuery extends PageQuery {
  user: string;
  /** Only those that have not been read. */
  unread?: boolean | undefined;
  /** For keys that see all tenants; default `default`. */
  tenant?: string | undefined;
}

export interface NotificationsClient {
  /** The messages to a user, newest first. */
  list(query: NotificationsQuery, call?: CallOptions): PageList<NotificationResource>;
  /** One that was read before keeps the time of that. @throws NOT_FOUND */
  markRead(id: string, call?: CallOptions): Promise<NotificationResource>;
  /** @returns how many had not been read */
  markAllRead(owner: Pick<NotificationsQuery, 'user' | 'tenant'>, call?: CallOptions): Promise<{ marked: number }>;
}

export function createNotificationsClient(connection: Connection): NotificationsClient {
  const path = '/v1/notifications';
  return {
    list: (query, call) => requestPages(connection, path, { ...query }, call),
    markRead: (id, call = {}) =>
      connection.requestJson(`${path}/${encodeURIComponent(id)}/read`, { ...call, method: 'POST' }),
    markAllRead: (owner, call = {}) => connection.requestJson(`${path}/read`, { ...call, method: 'POST', body: owner }),
  };
}
