import { hash, randomBytes } from 'node:crypto';
import type { CreateKeyRequest } from '../contract/api-keys.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import { isId } from '../shared/ids.ts';
import type { ApiKeyRow } from '../store/api-keys.ts';
import { inTransaction } from '../store/store.ts';
import { recordAudit } from './audit.ts';
import type { Caller, Engine } from './engine.ts';

const SECRET_BYTES = 32;
const PREFIX_LENGTH = 12;
/** What a key looks like; others need not be looked for. */
export const KEY_PATTERN = /^lsk_[A-Za-z0-9_-]{43}$/;

export interface CreatedKey {
  row: ApiKeyRow;
  /** The key itself; undefined where a call is made again, since nobody knows it any more. */
  key: string | undefined;
}

/** What the record keeps of a key, in hex. */
export function hashKey(key: string): string {
  return hash('sha256', key);
}

/**
 * Makes a key. Its secret is in the answer and nowhere else.
 * @param id the same again finds the key of a call that may have been made before
 * @throws INVALID_FIELDS for a tenant that is not the caller's and an end that has passed, STORE_UNAVAILABLE
 */
export async function createApiKey(
  engine: Engine,
  caller: Caller,
  { name, scopes, tenant, expiresAt = null }: CreateKeyRequest,
  id: string,
): Promise<CreatedKey> {
  const owner = chooseKeyOwner(caller, tenant);
  const key = `lsk_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const row = await inTransaction(engine.store, async (store) => {
    const prefix = key.slice(0, PREFIX_LENGTH);
    const asked = { id, name, tenant: owner, scopes, prefix, hash: hashKey(key), createdBy: caller.actor, expiresAt };
    const created = await store.apiKeys.insert(asked);
    if (!created) return undefined;
    // A first key ends open access: one that is good for nothing would lock everybody out.
    if (expiresAt !== null && Date.parse(expiresAt) <= engine.clock.now()) {
      throw invalidFields([{ path: 'expiresAt', message: 'must be in the future' }]);
    }
    const details = { name, prefix, scopes, expiresAt };
    await recordAudit(store, caller, { action: 'key.create', target: id, tenant: owner, details });
    return created;
  });
  if (!row) return { row: await requireApiKey(engine, caller, id), key: undefined };
  engine.signals.publish('keys', [id]);
  return { row, key };
}

/** Makes a key good for nothing, at once. @returns it @throws NOT_FOUND, also for another tenant's */
export async function revokeApiKey(engine: Engine, caller: Caller, id: string): Promise<ApiKeyRow> {
  const before = await requireApiKey(engine, caller, id);
  const revoked = await inTransaction(engine.store, async (store) => {
    const row = await store.apiKeys.revoke(caller.scope, id);
    if (!row) return undefined; // it was revoked before
    const details = { name: row.name, prefix: row.prefix };
    await recordAudit(store, caller, { action: 'key.revoke', target: id, tenant: row.tenant, details });
    return row;
  });
  engine.signals.publish('keys', [id]);
  return revoked ?? before;
}

/** @throws NOT_FOUND, also for another tenant's key */
export async function requireApiKey(engine: Engine, caller: Caller, id: string): Promise<ApiKeyRow> {
  const row = isId(id) ? await engine.store.apiKeys.get(caller.scope, id) : undefined;
  if (!row) throw new AppError('NOT_FOUND', `there is no key ${id}`);
  return row;
}

function chooseKeyOwner({ scope }: Caller, wanted: string | null | undefined): string | null {
  if (scope === 'all') return wanted ?? null;
  if (wanted === undefined || wanted === scope.tenant) return scope.tenant;
  throw invalidFields([{ path: 'tenant', message: 'is not the tenant of this key' }]);
}
