import type { Request, Response } from 'express';
import type { Caller, Engine } from '../engine/engine.ts';
import type { Allowance } from '../engine/request-rates.ts';
import { AppError } from '../shared/errors.ts';
import { createAuthenticator } from './authenticate.ts';
import type { Route } from './route.ts';

/** What is asked of every request before anything of it is read. */
export type Door = (
  request: Pick<Request, 'headers'>,
  response: Response,
  route: Pick<Route, 'scope' | 'isForAll'>,
) => Caller | Promise<Caller>;

/**
 * @returns a door that lets in whom the key allows, and tenants within their requests per second. It throws UNAUTHENTICATED,
 * FORBIDDEN, RATE_LIMITED, STORE_UNAVAILABLE
 */
export function createDoor(
  adminKey: string | undefined,
  { keys, limits, requestRates }: Pick<Engine, 'keys' | 'limits' | 'requestRates'>,
): Door {
  const authenticate = createAuthenticator(adminKey, keys);

  function admit(caller: Caller, response: Response): Caller | Promise<Caller> {
    if (caller.scope === 'all') return caller;
    const { tenant } = caller.scope;
    const perSecond = limits.of(tenant)?.requestsPerSecond;
    if (perSecond == null) return caller;
    return requestRates.take(tenant, perSecond).then((allowance) => {
      tellAllowance(response, perSecond, allowance);
      if (allowance.isAllowed) return caller;
      const detail = `the tenant "${tenant}" may make ${perSecond} requests per second`;
      throw new AppError('RATE_LIMITED', detail, { retryAfterMs: allowance.resetMs });
    });
  }

  return (request, response, route) => {
    const caller = authenticate(request, route);
    return caller instanceof Promise ? caller.then((known) => admit(known, response)) : admit(caller, response);
  };
}

/** As draft-ietf-httpapi-ratelimit-headers-10 writes it; times are whole seconds. */
function tellAllowance(response: Response, perSecond: number, { remaining, resetMs }: Allowance): void {
  response.setHeader('RateLimit-Policy', `"tenant";q=${perSecond};w=1`);
  response.setHeader('RateLimit', `"tenant";r=${remaining};t=${Math.ceil(resetMs / 1000)}`);
}
