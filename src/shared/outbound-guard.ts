import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { buildConnector } from 'undici';
import { type AddressRules, findNameRefusal, findRefusal } from './address-rules.ts';
import { AppError, isAppError } from './errors.ts';
import { normalizeHost } from './host-list.ts';
import { pause } from './time.ts';

export type Lookup = (host: string) => Promise<LookupAddress[]>;

export const systemLookup: Lookup = (host) => dns.lookup(host, { all: true });

/** Refuses literal addresses, which never reach `lookup`. */
export function guardLiterals(rules: AddressRules, connect: buildConnector.connector): buildConnector.connector {
  return (target, callback) => {
    const host = normalizeHost(target.hostname);
    const refusal = isIP(host) === 0 ? undefined : findRefusal(rules, host, host);
    if (refusal) callback(refusal, null);
    else connect(target, callback);
  };
}

export function guardLookup(rules: AddressRules, lookup: Lookup): LookupFunction {
  return (host, options, callback) => {
    resolveAllowed(rules, lookup, host).then(
      (addresses) => {
        const first = addresses[0] as LookupAddress;
        if (options.all) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
}

/** @throws ADDRESS_REFUSED; a failure of DNS, or a slow one, is no refusal */
export async function checkHost(
  rules: AddressRules,
  lookup: Lookup,
  hostname: string,
  timeoutMs: number,
): Promise<void> {
  const host = normalizeHost(hostname);
  if (isIP(host) !== 0) {
    const refusal = findRefusal(rules, host, host);
    if (refusal) throw refusal;
    return;
  }
  const settled = new AbortController();
  try {
    await Promise.race([resolveAllowed(rules, lookup, host), pause(timeoutMs, settled.signal)]);
  } catch (error) {
    if (isAppError(error, 'ADDRESS_REFUSED')) throw error;
  } finally {
    settled.abort();
  }
}

/**
 * Reads what may be called at all.
 * @throws ADDRESS_REFUSED, with a message that never repeats the URL: it may carry a password
 */
export function readUrl(url: string | URL): URL {
  const parsed = URL.parse(String(url));
  if (!parsed) throw new AppError('ADDRESS_REFUSED', 'the address is not a URL');
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new AppError('ADDRESS_REFUSED', `only http and https may be called, not ${parsed.protocol}`);
  }
  if (parsed.username || parsed.password) {
    throw new AppError('ADDRESS_REFUSED', 'a URL must not contain a user name or password; send a header instead');
  }
  return parsed;
}

/** @returns at least one address; refused ones beside allowed ones are left out, so they are never connected to */
async function resolveAllowed(rules: AddressRules, lookup: Lookup, host: string): Promise<LookupAddress[]> {
  const unnamed = findNameRefusal(rules, host);
  if (unnamed) throw unnamed;
  const addresses = await lookup(host);
  if (addresses.length === 0) throw Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
  const refusals = addresses.map(({ address }) => findRefusal(rules, host, address));
  const allowed = addresses.filter((_, index) => refusals[index] === undefined);
  if (allowed.length === 0) throw refusals[0];
  return allowed;
}
