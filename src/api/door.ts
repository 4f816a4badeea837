import type { Request, Response } from 'express';
import type { Caller, Engine } from '../engine/engine.ts';
import type { Allowance } from '../engine/request-rates.ts';
import { AppError, isAppError } from '../shared/errors.ts';
import { createAuthenticator } from './authenticate.ts';
import type { Route } from './route.ts';

type Headers = Pick<Request, 'headers'>;
type Demand = Pick<Route, 'scope' | 'isForAll'>;

export interface Door {
  /**
   * What is asked of every request before anything of it is read.
   * @throws UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED, STORE_UNAVAILABLE
   */
  enter(request: Headers, response: Response, demand: Demand): Caller | Promise<Caller>;
  /** Whether who has come in may still be there: the key may have ended since. */
  mayStay(request: Headers, demand: Demand): Promise<boolean>;
}

/** A door that lets in whom the key allows, and tenants within their requests per second. */
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

  return {
    enter(request, response, demand) {
      const caller = authenticate(request, demand);
      return caller instanceof Promise ? caller.then((known) => admit(known, response)) : admit(caller, response);
    },
    async mayStay(request, demand) {
      try {
        await authenticate(request, demand);
        return true;
      } catch (error) {
        return isAppError(error, 'STORE_UNAVAILABLE'); // nothing is known of the key: it stays as it was
      }
    },
  };
}

/** As draft-ietf-httpapi-ratelimit-headers-10 writes it; times are whole seconds. */
function tellAllowance(response: Response, perSecond: number, { remaining, resetMs }: Allowance): void {
  response.setHeader('RateLimit-Policy', `"tenant";q=${perSecond};w=1`);
  response.setHeader('RateLimit', `"tenant";r=${remaining};t=${Math.ceil(resetMs / 1000)}`);
}
