import { hash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { Caller } from '../engine/engine.ts';
import { AppError } from '../shared/errors.ts';
import type { Scope } from './route.ts';

const LOOPBACK_HOST = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;
const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;

/** Finds out who calls. @throws UNAUTHENTICATED, FORBIDDEN */
export type Authenticate = (request: Pick<Request, 'headers'>, scope: Scope) => Caller;

/** Without any key configured the program is bound to loopback and everybody there may do everything. */
export function createAuthenticator(adminKey: string | undefined): Authenticate {
  const check = adminKey === undefined ? requireLoopback : createKeyCheck(adminKey);
  return ({ headers }, scope) => {
    if (scope !== 'none') check(headers);
    return { scope: 'all', actor: adminKey === undefined ? 'local' : 'ADMIN_KEY' };
  };
}

// A page in a browser can make its own name resolve to loopback, but cannot change the Host that is sent; and it can
// post to loopback, but not without its Origin.
function requireLoopback({ host = '', origin }: Request['headers']): void {
  if (LOOPBACK_HOST.test(host) && (origin === undefined || LOOPBACK_ORIGIN.test(origin))) return;
  throw new AppError('FORBIDDEN', 'without ADMIN_KEY only requests to and from this machine are answered');
}

function createKeyCheck(adminKey: string): (headers: Request['headers']) => void {
  const known = digest(adminKey);
  return ({ authorization = '' }) => {
    const key = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
    if (key === undefined) throw new AppError('UNAUTHENTICATED', 'send "Authorization: Bearer <key>"');
    if (!timingSafeEqual(digest(key), known)) throw new AppError('UNAUTHENTICATED', 'the key is not known');
  };
}

// Digests have one length, as the comparison needs it, and tell nothing of the key's.
function digest(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}
