import { pageSchema } from '../../contract/list.ts';
import {
  markAllReadSchema,
  markedReadSchema,
  type NotificationResource,
  notificationListQuerySchema,
  notificationSchema,
} from '../../contract/notifications.ts';
import { BY_ID, readPage } from '../../engine/cursors.ts';
import type { Engine } from '../../engine/engine.ts';
import { chooseOwner, requireRead } from '../../engine/notifications.ts';
import type { UserNotificationRow } from '../../store/user-notifications.ts';
import { type Route, route } from '../route.ts';

/** What `user:notification` has written for the users of an application. */
export function notificationRoutes(engine: Engine): Route[] {
  const { userNotifications } = engine.store;
  return [
    route({
      method: 'get',
      path: '/v1/notifications',
      scope: 'jobs:read',
      summary: 'List the messages to a user, newest first',
      query: notificationListQuerySchema,
      answers: { 200: pageSchema(notificationSchema) },
      async handle({ caller, query }) {
        const { user, unread: isUnread, limit, cursor, tenant } = query;
        const owner = chooseOwner(caller, tenant);
        const list = { list: 'notifications', caller, filter: { ...owner, user, isUnread }, limit, cursor };
        const page = await readPage(list, BY_ID, (beforeId, count) =>
          userNotifications.list(owner, { user, isUnread, limit: count, beforeId }),
        );
        return { status: 200, body: { ...page, items: page.items.map(toResource) } };
      },
    }),
    route({
      method: 'post',
      path: '/v1/notifications/{id}/read',
      scope: 'jobs:write',
      summary: 'Mark a message as read; one that was read before keeps its time',
      answers: { 200: notificationSchema },
      async handle({ caller, params }) {
        return { status: 200, body: toResource(await requireRead(engine, caller, params.id ?? '')) };
      },
    }),
    route({
      method: 'post',
      path: '/v1/notifications/read',
      scope: 'jobs:write',
      summary: 'Mark all messages to a user as read',
      body: markAllReadSchema,
      answers: { 200: markedReadSchema },
      async handle({ caller, body }) {
        const marked = await userNotifications.markAllRead(chooseOwner(caller, body.tenant), body.user);
        return { status: 200, body: { marked } };
      },
    }),
  ];
}

function toResource(row: UserNotificationRow): NotificationResource {
  return {
    ...row,
    data: row.data as Record<string, unknown>,
    createdAt: row.createdAt.toISOString(),
    readAt: row.readAt?.toISOString() ?? null,
  };
}
