import type { Database } from './database.ts';
import { type TenantScope, tenantOf } from './scope.ts';

/** Somebody who is told of the ends of jobs and batches of a tenant. */
export interface SubscriptionRow {
  id: string;
  tenant: string;
  url: string;
  events: string[];
  /** Types of jobs, or beginnings of types such as `video:*`; null: all. */
  types: string[] | null;
  description: string;
  createdAt: Date;
  disabledAt: Date | null;
}

export type NewSubscription = Omit<SubscriptionRow, 'createdAt' | 'disabledAt'>;

/** What may be changed later; what is left out stays. */
export interface SubscriptionChange {
  isEnabled?: boolean | undefined;
  description?: string | undefined;
}

const COLUMNS = `id, tenant, url, events, types, description, created_at as "createdAt", disabled_at as "disabledAt"`;

/** The tenants of which somebody is told when a job completes: a statement, or a part of one that is cheap to plan. */
export const TOLD_OF_COMPLETIONS = `
  select distinct s.tenant from longshore.webhook_subscriptions s where s.disabled_at is null and 'job.completed' = any(s.events)`;

/** Whether a subscription `s` wants to hear of this event of a job `j`: a condition. Walks `webhook_subscriptions_tenant`. */
export function wantsEventOf(event: string): string {
  return `s.tenant = j.tenant
      and s.disabled_at is null
      and ${event} = any(s.events)
      and (s.types is null or exists (
        select from unnest(s.types) as wanted
        where wanted = j.type or (wanted like '%:*' and starts_with(j.type, left(wanted, -1)))))`;
}

/** A new UUIDv7 in a statement, which PostgreSQL has from version 18 on only: the time in place of the first 48 bits. */
export const NEW_ID = `
  encode(
    set_bit(set_bit(overlay(
      uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6
    ), 52, 1), 53, 1), 'hex')::uuid`;

/** Ends what is still owed to the subscription `$1`, for a reason: the text of a part of a statement. */
const endPending = (reason: string, condition = 'true') => `
  update longshore.webhook_deliveries d
  set status = 'disabled',
    next_try_at = null,
    last_error = '${reason}'
  where d.subscription_id = $1 and d.status = 'pending' and ${condition}`;

/** Subscriptions of webhooks. The ends of jobs are matched with them where those are written (`transitions.ts`). */
export function createSubscriptionStore(database: Database) {
  return {
    /** @returns undefined when there is one of that id */
    async insert(row: NewSubscription): Promise<SubscriptionRow | undefined> {
      const [created] = await database.query<SubscriptionRow>(
        `insert into longshore.webhook_subscriptions (id, tenant, url, events, types, description)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (id) do nothing
         returning ${COLUMNS}`,
        [row.id, row.tenant, row.url, row.events, row.types, row.description],
      );
      return created;
    },

    async get(scope: TenantScope, id: string): Promise<SubscriptionRow | undefined> {
      const [row] = await database.query<SubscriptionRow>(
        `select ${COLUMNS}
         from longshore.webhook_subscriptions
         where id = $1 and ($2::text is null or tenant = $2)`,
        [id, tenantOf(scope)],
      );
      return row;
    },

    /** Newest first. */
    list(scope: TenantScope, limit: number, beforeId: string | null): Promise<SubscriptionRow[]> {
      return database.query<SubscriptionRow>(
        `select ${COLUMNS}
         from longshore.webhook_subscriptions
         where ($1::text is null or tenant = $1) and ($2::uuid is null or id < $2)
         order by id desc
         limit $3`,
        [tenantOf(scope), beforeId, limit],
      );
    },

    /** Changes one. What is owed to one that is switched off is not sent any more. */
    async update(scope: TenantScope, id: string, change: SubscriptionChange): Promise<SubscriptionRow | undefined> {
      const [row] = await database.query<SubscriptionRow>(
        `with changed as (
           update longshore.webhook_subscriptions
           set description = coalesce($4, description),
             disabled_at = case when $3 then null when not $3 then coalesce(disabled_at, now()) else disabled_at end
           where id = $1 and ($2::text is null or tenant = $2)
           returning *
         ),
         ended as (${endPending('the subscription is switched off', 'exists (select from changed where disabled_at is not null)')})
         select ${COLUMNS} from changed`,
        [id, tenantOf(scope), change.isEnabled ?? null, change.description ?? null],
      );
      return row;
    },

    /** Removes one. What is owed to it is not sent any more; what was sent stays in the lists of its jobs. */
    async remove(scope: TenantScope, id: string): Promise<SubscriptionRow | undefined> {
      const [row] = await database.query<SubscriptionRow>(
        `with removed as (
           delete from longshore.webhook_subscriptions
           where id = $1 and ($2::text is null or tenant = $2)
           returning *
         ),
         ended as (${endPending('the subscription was deleted', 'exists (select from removed)')})
         select ${COLUMNS} from removed`,
        [id, tenantOf(scope)],
      );
      return row;
    },

    /** The tenants of which somebody is told when a job completes. */
    async tenantsToldOfCompletions(): Promise<string[]> {
      const rows = await database.query<{ tenant: string }>(TOLD_OF_COMPLETIONS);
      return rows.map(({ tenant }) => tenant);
    },
  };
}
