import type { Database } from './database.ts';
import { type TenantScope, tenantOf } from './scope.ts';

/** One action of an operator. */
export interface AuditEntry {
  id: string;
  /** Whose data it changed; null for those of all tenants. */
  tenant: string | null;
  /** Who did it, e.g. the prefix of a key. */
  actor: string;
  /** What was done, e.g. `job.cancel`. */
  action: string;
  /** What it was done to, e.g. the id of a job. */
  target: string | null;
  details: Record<string, unknown>;
  at: Date;
}

export interface AuditFilter {
  actor?: string | undefined;
  action?: string | undefined;
  /** Of this time or later. */
  since?: string | undefined;
}

export type NewAuditEntry = Omit<AuditEntry, 'at'>;

/** What operators did. Nothing ever changes it. */
export function createAuditStore(database: Database) {
  return {
    async insert({ id, tenant, actor, action, target, details }: NewAuditEntry): Promise<void> {
      await database.query(
        `insert into longshore.audit_log (id, tenant, actor, action, target, details) values ($1, $2, $3, $4, $5, $6)`,
        [id, tenant, actor, action, target, JSON.stringify(details)],
      );
    },

    /** Newest first. */
    list(
      scope: TenantScope,
      { actor, action, since }: AuditFilter,
      limit: number,
      beforeId: string | null,
    ): Promise<AuditEntry[]> {
      return database.query<AuditEntry>(
        `select id, tenant, actor, action, target, details, at
         from longshore.audit_log
         where ($1::text is null or tenant = $1)
           and ($2::text is null or actor = $2)
           and ($3::text is null or action = $3)
           and ($4::timestamptz is null or at >= $4)
           and ($5::uuid is null or id < $5)
         order by id desc
         limit $6`,
        [tenantOf(scope), actor ?? null, action ?? null, since ?? null, beforeId, limit],
      );
    },
  };
}
