import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { Caller } from '../engine/engine.ts';
import { AppError } from '../shared/errors.ts';
import type { Scope } from './route.ts';

const LOOPBACK_HOST = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;
const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i;

/**
 * Finds out who calls. Without any key configured the program is bound to loopback and everybody there may do everything.
 * @throws UNAUTHENTICATED, FORBIDDEN
 */
export function authenticate(request: Request, scope: Scope, adminKey: string | undefined): Caller {
  if (scope === 'none') return { scope: 'all' };
  if (adminKey === undefined) {
    // A page in a browser can make its own name resolve to loopback, but cannot change the Host that is sent; and it can
    // post to loopback, but not without its Origin.
    const { host = '', origin } = request.headers;
    if (LOOPBACK_HOST.test(host) && (origin === undefined || LOOPBACK_ORIGIN.test(origin))) return { scope: 'all' };
    throw new AppError('FORBIDDEN', 'without ADMIN_KEY only requests to and from this machine are answered');
  }
  const key = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (key === undefined) throw new AppError('UNAUTHENTICATED', 'send "Authorization: Bearer <key>"');
  if (!timingSafeEqual(digest(key), digest(adminKey))) throw new AppError('UNAUTHENTICATED', 'the key is not known');
  return { scope: 'all' };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
