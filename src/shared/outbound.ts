import { promises as dns, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { buildConnector } from 'undici';
import {
  type AddressRuleOptions,
  type AddressRules,
  createRefusal,
  isHostAllowed,
  judgeAddress,
  normalizeHost,
  parseAddressRules,
} from './address-rules.ts';
import { AppError, isAppError } from './errors.ts';
import { pause } from './time.ts';

/** @throws an AppError ADDRESS_REFUSED when the address, also after DNS or a redirect, is not allowed */
export type OutboundFetch = (url: string | URL, init?: OutboundInit) => Promise<Response>;

export interface OutboundInit {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  signal?: AbortSignal;
  /** Default `follow`; every hop is checked again. */
  redirect?: 'follow' | 'manual' | 'error';
}

export interface Outbound {
  fetch: OutboundFetch;
  /**
   * Checks where a URL leads now, for an early answer. A name that cannot be resolved in time passes: the check
   * at connection time decides.
   * @throws ADDRESS_REFUSED
   */
  checkUrl(url: string | URL): Promise<void>;
  /** Ends what is still running, so stop the callers first. */
  close(): Promise<void>;
}

export interface OutboundOptions {
  /** Resolves a name to all its addresses; default: the system's resolver. */
  lookup?: Lookup;
  /** The longest that `checkUrl` waits for DNS; default 3000. */
  checkTimeoutMs?: number;
  /** Default 10,000. */
  connectTimeoutMs?: number;
}

export type Lookup = (host: string) => Promise<LookupAddress[]>;

/**
 * The only way out of the program. Addresses are checked when a connection is made, after DNS, so that neither
 * a redirect nor a name that changes its address (DNS rebinding) gets round the rules.
 * @throws INVALID_CONFIGURATION for an unreadable entry of `allow`
 */
export function createOutbound(ruleOptions: AddressRuleOptions, options: OutboundOptions = {}): Outbound {
  const rules = parseAddressRules(ruleOptions);
  const lookup = options.lookup ?? ((host) => dns.lookup(host, { all: true }));
  let client: Promise<Client> | undefined;

  return {
    async fetch(url, init) {
      const target = readUrl(url);
      client ??= openClient(rules, lookup, options.connectTimeoutMs ?? 10_000);
      try {
        return await (await client).fetch(target, init);
      } catch (error) {
        throw findRefusal(error) ?? error;
      }
    },
    checkUrl: async (url) => checkHost(rules, lookup, readUrl(url).hostname, options.checkTimeoutMs ?? 3000),
    async close() {
      await (await client)?.close();
    },
  };
}

type Client = Pick<Outbound, 'fetch' | 'close'>;

// undici is loaded with the first call: it would be a tenth of the start of a program that may make none.
async function openClient(rules: AddressRules, lookup: Lookup, timeoutMs: number): Promise<Client> {
  const undici = await import('undici');
  const connect = guardLiterals(
    rules,
    undici.buildConnector({
      timeout: timeoutMs,
      lookup: guardLookup(rules, lookup),
    } as buildConnector.BuildOptions),
  );
  const agent = new undici.Agent({ connect });
  return {
    // undici's own class has the same shape as the global one.
    fetch: async (url, init) => (await undici.fetch(url, { ...init, dispatcher: agent })) as unknown as Response,
    close: () => agent.destroy(),
  };
}

/** Refuses literal addresses, which never reach `lookup`. */
function guardLiterals(rules: AddressRules, connect: buildConnector.connector): buildConnector.connector {
  return (target, callback) => {
    const refusal = isIP(target.hostname) === 0 ? undefined : refuseAddress(rules, target.hostname, target.hostname);
    if (refusal) callback(refusal, null);
    else connect(target, callback);
  };
}

function guardLookup(rules: AddressRules, lookup: Lookup): LookupFunction {
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

/** @returns at least one address; refused ones beside allowed ones are left out, so they are never connected to */
async function resolveAllowed(rules: AddressRules, lookup: Lookup, host: string): Promise<LookupAddress[]> {
  const addresses = await lookup(host);
  if (addresses.length === 0) throw Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
  if (isHostAllowed(rules, host)) return addresses;
  const refusals = addresses.map(({ address }) => refuseAddress(rules, host, address));
  const allowed = addresses.filter((_, index) => refusals[index] === undefined);
  if (allowed.length === 0) throw refusals[0];
  return allowed;
}

async function checkHost(rules: AddressRules, lookup: Lookup, hostname: string, timeoutMs: number): Promise<void> {
  const host = normalizeHost(hostname);
  if (isIP(host) !== 0) {
    const refusal = refuseAddress(rules, host, host);
    if (refusal) throw refusal;
    return;
  }
  const settled = new AbortController();
  try {
    await Promise.race([resolveAllowed(rules, lookup, host), pause(timeoutMs, settled.signal)]);
  } catch (error) {
    if (isAppError(error, 'ADDRESS_REFUSED')) throw error; // a failure of DNS is no refusal
  } finally {
    settled.abort();
  }
}

function refuseAddress(rules: AddressRules, host: string, address: string): AppError | undefined {
  const verdict = judgeAddress(rules, address);
  return verdict.allowed ? undefined : createRefusal(host, address, verdict);
}

// The messages never repeat the URL: it may carry a password.
function readUrl(url: string | URL): URL {
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

// undici wraps whatever ended a connection: TypeError "fetch failed" → cause.
function findRefusal(error: unknown, depth = 0): AppError | undefined {
  if (isAppError(error, 'ADDRESS_REFUSED')) return error;
  return error instanceof Error && depth < 5 ? findRefusal(error.cause, depth + 1) : undefined;
}
