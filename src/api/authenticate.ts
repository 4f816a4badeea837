import { hash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { KeyScope } from '../contract/api-keys.ts';
import { hashKey, KEY_PATTERN } from '../engine/api-keys.ts';
import type { Caller } from '../engine/engine.ts';
import type { KeyRing } from '../engine/key-ring.ts';
import { AppError } from '../shared/errors.ts';
import type { KnownKey } from '../store/api-keys.ts';
import type { Route } from './route.ts';

const LOOPBACK_HOST = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;
const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;
const LOCAL: Caller = { scope: 'all', actor: 'local' };
const ADMIN: Caller = { scope: 'all', actor: 'ADMIN_KEY' };

/**
 * Finds out who calls, and whether they may call this. At once where nothing has to be read.
 * @throws UNAUTHENTICATED, FORBIDDEN, STORE_UNAVAILABLE
 */
export type Authenticate = (
  request: Pick<Request, 'headers'>,
  route: Pick<Route, 'scope' | 'isForAll'>,
) => Caller | Promise<Caller>;

export type KeySource = Pick<KeyRing, 'find' | 'isEmpty' | 'noteUse'>;

/**
 * ADMIN_KEY may do everything. Without it, and until the first key is made, the program is bound to loopback and everybody
 * there may do everything.
 */
export function createAuthenticator(adminKey: string | undefined, keys: KeySource): Authenticate {
  const isAdminKey = adminKey === undefined ? () => false : createComparison(adminKey);

  function identify(headers: Request['headers'], route: Pick<Route, 'scope' | 'isForAll'>): Caller | Promise<Caller> {
    const key = readKey(headers);
    if (isAdminKey(key)) return ADMIN;
    if (!KEY_PATTERN.test(key)) throw new AppError('UNAUTHENTICATED', 'the key is not known');
    const hashed = hashKey(key);
    const found = keys.find(hashed);
    const judge = (known: KnownKey | undefined) => {
      const good = requireGood(known, hashed);
      requireScope(good, route);
      keys.noteUse(good.id);
      return toCaller(good);
    };
    return found instanceof Promise ? found.then(judge) : judge(found);
  }

  return ({ headers }, route) => {
    if (route.scope === 'none') return LOCAL;
    if (adminKey !== undefined) return identify(headers, route);
    const enter = (isOpen: boolean) => (isOpen ? requireLoopback(headers) : identify(headers, route));
    const isOpen = keys.isEmpty();
    return isOpen instanceof Promise ? isOpen.then(enter) : enter(isOpen);
  };
}

// A page in a browser can make its own name resolve to loopback, but cannot change the Host that is sent; and it can
// post to loopback, but not without its Origin.
function requireLoopback({ host = '', origin }: Request['headers']): Caller {
  if (LOOPBACK_HOST.test(host) && (origin === undefined || LOOPBACK_ORIGIN.test(origin))) return LOCAL;
  throw new AppError('FORBIDDEN', 'without ADMIN_KEY only requests to and from this machine are answered');
}

function readKey({ authorization = '' }: Request['headers']): string {
  const key = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
  if (key === undefined) throw new AppError('UNAUTHENTICATED', 'send "Authorization: Bearer <key>"');
  return key;
}

// Digests have one length, as the comparison needs it, and tell nothing of the key's.
function createComparison(adminKey: string): (key: string) => boolean {
  const known = hash('sha256', adminKey, 'buffer');
  return (key) => timingSafeEqual(hash('sha256', key, 'buffer'), known);
}

// What is said of a key is heard only by who has it.
function requireGood(key: KnownKey | undefined, hashed: string): KnownKey {
  if (!key || !timingSafeEqual(Buffer.from(key.hash), Buffer.from(hashed))) {
    throw new AppError('UNAUTHENTICATED', 'the key is not known');
  }
  if (key.revokedAt) {
    throw new AppError('UNAUTHENTICATED', `the key ${key.prefix}… was revoked at ${key.revokedAt.toISOString()}`);
  }
  if (key.expiresAt && key.expiresAt.getTime() <= Date.now()) {
    throw new AppError('UNAUTHENTICATED', `the key ${key.prefix}… has expired at ${key.expiresAt.toISOString()}`);
  }
  return key;
}

function requireScope({ scopes, tenant }: KnownKey, { scope, isForAll }: Pick<Route, 'scope' | 'isForAll'>): void {
  if (!scopes.includes('admin') && !scopes.includes(scope as KeyScope)) {
    throw new AppError('FORBIDDEN', `this key has the scopes ${scopes.join(', ')}; the call needs ${scope}`);
  }
  if (isForAll && tenant !== null) {
    throw new AppError('FORBIDDEN', 'this key is bound to a tenant; the call needs a key for all tenants');
  }
}

function toCaller({ tenant, prefix }: KnownKey): Caller {
  return { scope: tenant === null ? 'all' : { tenant }, actor: prefix };
}
