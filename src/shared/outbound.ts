import type { buildConnector } from 'undici';
import { type AddressRuleOptions, type AddressRules, parseAddressRules } from './address-rules.ts';
import { checkHost, guardLiterals, guardLookup, type Lookup, readUrl, systemLookup } from './outbound-guard.ts';
import { createHopInterceptor, HostSlots } from './outbound-hops.ts';
import { findAppError, limitResponse, startDeadline } from './outbound-limits.ts';

export type { Lookup } from './outbound-guard.ts';

/**
 * @throws an AppError ADDRESS_REFUSED when the address, also after DNS or a redirect, is not allowed; OUTBOUND_TIMEOUT or
 * RESPONSE_TOO_LARGE beyond the limits, also while the body is read
 */
export type OutboundFetch = (url: string | URL, init?: OutboundInit) => Promise<Response>;

export interface OutboundInit {
  method?: string;
  headers?: Record<string, string>;
  /** What is read part by part cannot be sent again, so a redirect that asks for that fails. */
  body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
  /**
   * Default `follow`, at most 20 times; every hop is checked again. At another origin than that of the URL, headers
   * that may be secret are left out: all but those about the content (accept, content-type, range and so on).
   */
  redirect?: 'follow' | 'manual' | 'error';
  /** For the whole exchange: waiting for a slot, the connection, redirects and the body to its last byte. Default OUTBOUND_TIMEOUT_MS. */
  timeoutMs?: number;
  /** What the body may have, after content decoding; OUTBOUND_MAX_BYTES in any case. */
  maxBytes?: number;
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

/** Plain data. */
export interface OutboundSettings extends AddressRuleOptions {
  /** OUTBOUND_PER_HOST: requests to one host at the same time; further ones wait. Default 32. */
  perHost?: number;
  /** OUTBOUND_TIMEOUT_MS: for a call that sets no limit of its own. Default 15 minutes. */
  timeoutMs?: number;
  /** OUTBOUND_MAX_BYTES: what no answer may exceed. Default 10 GiB. */
  maxBytes?: number;
}

export interface OutboundOptions {
  /** Resolves a name to all its addresses; default: the system's resolver. */
  lookup?: Lookup;
  /** The longest that `checkUrl` waits for DNS; default 3000. */
  checkTimeoutMs?: number;
  /** Default 10,000. */
  connectTimeoutMs?: number;
}

/**
 * The only way out of the program. Addresses are checked when a connection is made, after DNS, so that neither
 * a redirect nor a name that changes its address (DNS rebinding) gets round the rules.
 * @throws INVALID_CONFIGURATION for an unreadable entry of `allow` or `hosts`
 */
export function createOutbound(settings: OutboundSettings, options: OutboundOptions = {}): Outbound {
  const { perHost = 32, timeoutMs = 15 * 60_000, maxBytes = 10 * 1024 ** 3 } = settings;
  const rules = parseAddressRules(settings);
  const lookup = options.lookup ?? systemLookup;
  let client: Promise<Client> | undefined;

  return {
    async fetch(url, init = {}) {
      const target = readUrl(url);
      client ??= openClient(rules, lookup, { perHost, connectTimeoutMs: options.connectTimeoutMs ?? 10_000 });
      const deadline = startDeadline(init.timeoutMs ?? timeoutMs, init.signal);
      try {
        const response = await (await client).fetch(target, init, deadline.signal);
        const limit = Math.min(init.maxBytes ?? maxBytes, maxBytes);
        return await limitResponse(response, limit, init.method ?? 'GET', deadline.end);
      } catch (error) {
        deadline.end();
        throw findAppError(error) ?? error;
      }
    },
    checkUrl: async (url) => checkHost(rules, lookup, readUrl(url).hostname, options.checkTimeoutMs ?? 3000),
    async close() {
      await (await client)?.close();
    },
  };
}

interface Client {
  fetch(url: URL, init: OutboundInit, signal: AbortSignal): Promise<Response>;
  close(): Promise<void>;
}

// undici is loaded with the first call: it would be a tenth of the start of a program that may make none.
async function openClient(
  rules: AddressRules,
  lookup: Lookup,
  { perHost, connectTimeoutMs }: { perHost: number; connectTimeoutMs: number },
): Promise<Client> {
  const undici = await import('undici');
  const connect = guardLiterals(
    rules,
    undici.buildConnector({
      timeout: connectTimeoutMs,
      lookup: guardLookup(rules, lookup),
    } as buildConnector.BuildOptions),
  );
  // Its own limits are for silence: 5 minutes until the headers and between two parts of a body.
  const agent = new undici.Agent({ connect });
  const slots = new HostSlots(perHost);
  return {
    async fetch(url, { method, headers, body, redirect }, signal) {
      const isWhole = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
      const response = await undici.fetch(url, {
        ...(method === undefined ? {} : { method }),
        ...(headers === undefined ? {} : { headers }),
        ...(body === undefined ? {} : { body }),
        ...(isWhole ? {} : { duplex: 'half' as const }),
        ...(redirect === undefined ? {} : { redirect }),
        signal,
        dispatcher: agent.compose(createHopInterceptor({ slots, origin: url.origin, signal })),
      });
      return response as unknown as Response; // undici's own class has the same shape as the global one
    },
    close: () => agent.destroy(),
  };
}
