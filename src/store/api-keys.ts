import type { KeyScope } from '../contract/api-keys.ts';
import type { Database } from './database.ts';
import { type TenantScope, tenantOf } from './scope.ts';

/** A key as it may be shown: nothing of it leads back to its secret. */
export interface ApiKeyRow {
  id: string;
  name: string;
  /** Whose data it is for; null: those of all tenants. */
  tenant: string | null;
  scopes: KeyScope[];
  /** The first characters of the key, which people tell it by. */
  prefix: string;
  createdBy: string;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

export type NewApiKey = Pick<ApiKeyRow, 'id' | 'name' | 'tenant' | 'scopes' | 'prefix' | 'createdBy'> & {
  /** SHA-256 of the whole key, in hex. */
  hash: string;
  expiresAt: string | null;
};

/** A key with what a caller's is compared with. */
export type KnownKey = ApiKeyRow & { hash: string };

/** Keys of the API. A revoked one stays, so that the audit log can be read. */
export function createApiKeyStore(database: Database) {
  return {
    /** @returns undefined when there is a key of that id already */
    async insert({ id, name, tenant, scopes, prefix, hash, createdBy, expiresAt }: NewApiKey) {
      const [row] = await database.query<ApiKeyRow>(
        `insert into longshore.api_keys as k (id, name, tenant, scopes, prefix, hash, created_by, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (id) do nothing
         returning ${COLUMNS}`,
        [id, name, tenant, scopes, prefix, hash, createdBy, expiresAt],
      );
      return row;
    },

    async get(scope: TenantScope, id: string): Promise<ApiKeyRow | undefined> {
      const [row] = await database.query<ApiKeyRow>(
        `select ${COLUMNS}
         from longshore.api_keys k
         where k.id = $1 and ($2::text is null or k.tenant = $2)`,
        [id, tenantOf(scope)],
      );
      return row;
    },

    /** Newest first. */
    list(scope: TenantScope, limit: number, beforeId: string | null): Promise<ApiKeyRow[]> {
      return database.query<ApiKeyRow>(
        `select ${COLUMNS}
         from longshore.api_keys k
         where ($1::text is null or k.tenant = $1) and ($2::uuid is null or k.id < $2)
         order by k.id desc
         limit $3`,
        [tenantOf(scope), beforeId, limit],
      );
    },

    /** @returns undefined when there is none, or it was revoked before */
    async revoke(scope: TenantScope, id: string): Promise<ApiKeyRow | undefined> {
      const [row] = await database.query<ApiKeyRow>(
        `update longshore.api_keys k
         set revoked_at = now()
         where k.id = $1 and k.revoked_at is null and ($2::text is null or k.tenant = $2)
         returning ${COLUMNS}`,
        [id, tenantOf(scope)],
      );
      return row;
    },

    /** Finds out whose a key is, so no scope is known yet. Walks `api_keys_hash`. */
    async findByHash(hash: string): Promise<KnownKey | undefined> {
      const [row] = await database.query<KnownKey>(
        `select ${COLUMNS}, k.hash from longshore.api_keys k where k.hash = $1`,
        [hash],
      );
      return row;
    },

    /** Whether there is any key, also one that is no longer good. */
    async hasAny(): Promise<boolean> {
      return (await database.query('select 1 from longshore.api_keys limit 1')).length > 0;
    },

    /** Writes down that keys were used just now, for each at most once a minute whatever the number of processes. */
    async noteUse(ids: readonly string[]): Promise<void> {
      await database.query(
        `update longshore.api_keys
         set last_used_at = now()
         where id in (
           select id
           from longshore.api_keys
           where id = any($1::uuid[])
             and (last_used_at is null or last_used_at < now() - interval '1 minute')
           order by id
           for update skip locked)`,
        [ids],
      );
    },
  };
}

const COLUMNS = `k.id, k.name, k.tenant, k.scopes, k.prefix, k.created_by as "createdBy", k.created_at as "createdAt",
  k.expires_at as "expiresAt", k.last_used_at as "lastUsedAt", k.revoked_at as "revokedAt"`;
