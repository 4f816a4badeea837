import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { embeddedIPv4 } from './embedded-address.ts';
import { AppError, type FieldError } from './errors.ts';

export interface AddressRuleOptions {
  /** OUTBOUND_ALLOW_PRIVATE: private, loopback, link-local and carrier-grade NAT addresses may be called. */
  allowPrivate: boolean;
  /** OUTBOUND_ALLOW: CIDR ranges, addresses or host names that may be called whatever they are. */
  allow: readonly string[];
}

export interface AddressRules {
  readonly allowPrivate: boolean;
  readonly ranges: readonly (readonly [Address, number])[];
  readonly hosts: ReadonlySet<string>;
}

/** `why` completes "is …", e.g. `a loopback address`. */
export type AddressVerdict = { allowed: true } | { allowed: false; why: string; openedBy: 'either' | 'list' };

type Address = ipaddr.IPv4 | ipaddr.IPv6;

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** What OUTBOUND_ALLOW_PRIVATE opens; every other special range must be listed to be called. */
const privateKinds: Readonly<Record<string, string>> = {
  private: 'a private address',
  loopback: 'a loopback address',
  linkLocal: 'a link-local address',
  uniqueLocal: 'a unique-local (private) address',
  carrierGradeNat: 'a carrier-grade NAT address',
};

const otherKinds: Readonly<Record<string, string>> = {
  unspecified: 'an unspecified address, which means this machine',
  broadcast: 'a broadcast address',
  multicast: 'a multicast address',
};

/** Where cloud providers hand credentials to whoever asks: AWS, GCP, Azure, Alibaba, Oracle. */
const metadataAddresses: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
]);

const GLOBAL_UNICAST: readonly [Address, number] = ipaddr.parseCIDR('2000::/3');

/**
 * Reads the rules once.
 * @throws INVALID_CONFIGURATION with one entry in `errors` for every unreadable entry of `allow`
 */
export function parseAddressRules(options: AddressRuleOptions): AddressRules {
  const ranges: [Address, number][] = [];
  const hosts = new Set<string>();
  const faults: FieldError[] = [];
  for (const entry of options.allow) {
    const text = entry.trim();
    const host = normalizeHost(text);
    if (text.includes('/') && ipaddr.isValidCIDR(text)) ranges.push(ipaddr.parseCIDR(text));
    else if (isIP(host) !== 0) ranges.push(wholeAddress(ipaddr.parse(host)));
    else if (HOST_NAME.test(host)) hosts.add(host);
    else faults.push({ path: 'OUTBOUND_ALLOW', message: `"${entry}" is not a CIDR range, an address or a host name` });
  }
  if (faults.length > 0) {
    throw new AppError('INVALID_CONFIGURATION', faults.map((fault) => fault.message).join('; '), { errors: faults });
  }
  return { allowPrivate: options.allowPrivate, ranges, hosts };
}

/** @param host the name or literal of a URL, with or without brackets and a final dot */
export function isHostAllowed(rules: AddressRules, host: string): boolean {
  return rules.hosts.has(normalizeHost(host));
}

/** Decides whether an IP address, in any notation, may be called. What is not known to be public is refused. */
export function judgeAddress(rules: AddressRules, address: string): AddressVerdict {
  if (isIP(address) === 0) return refuse('not an IP address', 'list');
  return judge(rules, ipaddr.parse(address));
}

/** The refusal that a person reads: which address, why, and what would open it. */
export function createRefusal(
  host: string,
  address: string,
  verdict: Extract<AddressVerdict, { allowed: false }>,
): AppError {
  const subject = normalizeHost(host) === address ? address : `${host} resolves to ${address}, which`;
  const privately = verdict.openedBy === 'either' ? 'set OUTBOUND_ALLOW_PRIVATE=true or ' : '';
  const remedy = `${privately}list the address, its range or the host name in OUTBOUND_ALLOW`;
  return new AppError('ADDRESS_REFUSED', `${subject} is ${verdict.why} and may not be called; to allow it, ${remedy}`);
}

/** Lower case, without the brackets of IPv6 literals and the final dot of absolute names. */
export function normalizeHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

function judge(rules: AddressRules, address: Address): AddressVerdict {
  if (isListed(rules, address)) return { allowed: true };
  const embedded = address.kind() === 'ipv6' ? embeddedIPv4(address as ipaddr.IPv6) : undefined;
  if (embedded === undefined) return judgeKind(rules, address);
  const verdict = judge(rules, embedded.address);
  if (verdict.allowed) return verdict;
  return { ...verdict, why: `${embedded.form} of ${embedded.address}, which is ${verdict.why}` };
}

function judgeKind(rules: AddressRules, address: Address): AddressVerdict {
  const kind = rangeOf(address);
  if (metadataAddresses.has(address.toString())) return refuse('a cloud metadata address', 'list');
  if (kind === 'unicast') return { allowed: true };
  const why = privateKinds[kind];
  if (why === undefined) return refuse(otherKinds[kind] ?? `a reserved address (${kind})`, 'list');
  return rules.allowPrivate ? { allowed: true } : refuse(why, 'either');
}

// ipaddr.js calls unassigned IPv6 space unicast too; only 2000::/3 is handed out (RFC 4291, section 2.4).
function rangeOf(address: Address): string {
  const range = address.range();
  if (range !== 'unicast' || address.kind() === 'ipv4') return range;
  return address.match([...GLOBAL_UNICAST]) ? range : 'reserved';
}

function isListed(rules: AddressRules, address: Address): boolean {
  return rules.ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
}

function wholeAddress(address: Address): [Address, number] {
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

function refuse(why: string, openedBy: 'either' | 'list'): AddressVerdict {
  return { allowed: false, why, openedBy };
}
