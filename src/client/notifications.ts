import type { Page } from '../contract/list.ts';
import type { NotificationResource } from '../contract/notifications.ts';
import type { Connection } from './connection.ts';
import type { PageQuery } from './pages.ts';

export interface NotificationsQuery extends PageQuery {
  user: string;
  /** Only those that have not been read. */
  unread?: boolean | undefined;
  /** For keys that see all tenants; default `default`. */
  tenant?: string | undefined;
}

export interface NotificationsClient {
  /** The messages to a user, newest first. */
  list(query: NotificationsQuery): Promise<Page<NotificationResource>>;
  /** One that was read before keeps the time of that. @throws NOT_FOUND */
  markRead(id: string): Promise<NotificationResource>;
  /** @returns how many had not been read */
  markAllRead(owner: Pick<NotificationsQuery, 'user' | 'tenant'>): Promise<{ marked: number }>;
}

export function createNotificationsClient(connection: Connection): NotificationsClient {
  return {
    list: (query) => connection.requestJson('/v1/notifications', { query: { ...query } }),
    markRead: (id) => connection.requestJson(`/v1/notifications/${encodeURIComponent(id)}/read`, { method: 'POST' }),
    markAllRead: (owner) => connection.requestJson('/v1/notifications/read', { method: 'POST', body: owner }),
  };
}
