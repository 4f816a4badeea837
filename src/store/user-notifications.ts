import type { NewUserNotification } from '../define/user-notifications.ts';
import type { Database } from './database.ts';
import { type TenantScope, tenantOf } from './scope.ts';

export interface UserNotificationRow {
  id: string;
  tenant: string;
  user: string;
  title: string;
  body: string;
  link: string | null;
  data: unknown;
  jobId: string | null;
  createdAt: Date;
  readAt: Date | null;
}

export interface UserNotificationQuery {
  user: string;
  /** Only those that have not been read. */
  isUnread: boolean;
  limit: number;
  beforeId: string | null;
}

/** Messages to users inside of an application. The ids are made when they are written, so they sort by that time. */
export function createUserNotificationStore(database: Database) {
  return {
    /** @returns its id, or that of the one which the same job has written before */
    async insert({ id, ...row }: NewUserNotification & { id: string }): Promise<string> {
      const { tenant, user, title, body, link, data, jobId } = row;
      const [inserted] = await database.query<{ id: string }>(
        `insert into longshore.notifications as n (id, tenant, "user", title, body, link, data, job_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (job_id) where job_id is not null do nothing
         returning n.id`,
        [id, tenant, user, title, body, link, JSON.stringify(data), jobId],
      );
      if (inserted) return inserted.id;
      const [known] = await database.query<{ id: string }>(
        'select n.id from longshore.notifications n where n.job_id = $1',
        [jobId],
      );
      return known?.id ?? id;
    },

    /** Newest first. Walks `notifications_user`. */
    list(scope: { tenant: string }, query: UserNotificationQuery): Promise<UserNotificationRow[]> {
      return database.query<UserNotificationRow>(
        `select ${COLUMNS}
         from longshore.notifications n
         where n.tenant = $1 and n."user" = $2
           and ($3::uuid is null or n.id < $3)
           and (not $4::boolean or n.read_at is null)
         order by n.id desc
         limit $5`,
        [scope.tenant, query.user, query.beforeId, query.isUnread, query.limit],
      );
    },

    /** One that was read before keeps the time of that. @returns undefined when there is none */
    async markRead(scope: TenantScope, id: string): Promise<UserNotificationRow | undefined> {
      const [row] = await database.query<UserNotificationRow>(
        `update longshore.notifications n
         set read_at = coalesce(n.read_at, now())
         where n.id = $1 and ($2::text is null or n.tenant = $2)
         returning ${COLUMNS}`,
        [id, tenantOf(scope)],
      );
      return row;
    },

    /** @returns how many had not been read */
    async markAllRead(scope: { tenant: string }, user: string): Promise<number> {
      const rows = await database.query<{ id: string }>(
        `update longshore.notifications n
         set read_at = now()
         where n.tenant = $1 and n."user" = $2 and n.read_at is null
         returning n.id`,
        [scope.tenant, user],
      );
      return rows.length;
    },

    /** Removes the oldest, which come first in the primary key. @returns how many */
    async removeOld(days: number, limit: number): Promise<number> {
      const rows = await database.query<{ id: string }>(
        `delete from longshore.notifications n
         using (select o.id from longshore.notifications o order by o.id limit $2) as oldest
         where n.id = oldest.id and n.created_at < now() - $1::integer * interval '1 day'
         returning n.id`,
        [days, limit],
      );
      return rows.length;
    },
  };
}

const COLUMNS = `
  n.id, n.tenant, n."user", n.title, n.body, n.link, n.data, n.job_id as "jobId",
  n.created_at as "createdAt", n.read_at as "readAt"`;
