import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { embeddedIPv4 } from './embedded-address.ts';
import { AppError, type FieldError } from './errors.ts';
import { type Address, type HostList, holdsAddress, namesHost, normalizeHost, parseHostList } from './host-list.ts';

export interface AddressRuleOptions {
  /** OUTBOUND_ALLOW_PRIVATE: private, loopback, link-local and carrier-grade NAT addresses may be called. */
  allowPrivate: boolean;
  /** OUTBOUND_ALLOW: CIDR ranges, addresses, host names or wildcards that may be called whatever they are. */
  allow: readonly string[];
  /** OUTBOUND_HOSTS: where it is given, nothing else may be called. It opens no private address by itself. */
  hosts?: readonly string[] | undefined;
}

export interface AddressRules {
  readonly allowPrivate: boolean;
  readonly allow: HostList;
  readonly only: HostList | undefined;
}

/** `why` completes "is …", e.g. `a loopback address`. */
export type AddressVerdict = { allowed: true } | { allowed: false; why: string; openedBy: 'either' | 'list' };

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
 * @throws INVALID_CONFIGURATION with one entry in `errors` for every unreadable entry of `allow` and `hosts`
 */
export function parseAddressRules(options: AddressRuleOptions): AddressRules {
  const faults: FieldError[] = [];
  const allow = parseHostList('OUTBOUND_ALLOW', options.allow, faults);
  const only = options.hosts && parseHostList('OUTBOUND_HOSTS', options.hosts, faults);
  if (faults.length > 0) {
    throw new AppError('INVALID_CONFIGURATION', faults.map((fault) => fault.message).join('; '), { errors: faults });
  }
  return { allowPrivate: options.allowPrivate, allow, only };
}

/**
 * Decides about one address of a host.
 * @param host the name or literal of a URL, with or without brackets and a final dot
 */
export function findRefusal(rules: AddressRules, host: string, address: string): AppError | undefined {
  const refusal = findNameRefusal(rules, host);
  if (refusal) return refusal;
  if (rules.only && !namesHost(rules.only, host) && !isWithin(rules.only, address)) return createUnlisted(host);
  if (namesHost(rules.allow, host)) return undefined;
  const verdict = judgeAddress(rules, address);
  return verdict.allowed ? undefined : createRefusal(host, address, verdict);
}

/** What can be said of a name before it is resolved: where OUTBOUND_HOSTS has no ranges, other names are not even looked up. */
export function findNameRefusal({ only }: AddressRules, host: string): AppError | undefined {
  if (only === undefined || only.ranges.length > 0 || namesHost(only, host)) return undefined;
  return createUnlisted(host);
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

function createUnlisted(host: string): AppError {
  return new AppError('ADDRESS_REFUSED', `${host} is not listed in OUTBOUND_HOSTS and may not be called`);
}

function isWithin(list: HostList, address: string): boolean {
  return isIP(address) !== 0 && holdsAddress(list, ipaddr.parse(address));
}

function judge(rules: AddressRules, address: Address): AddressVerdict {
  if (holdsAddress(rules.allow, address)) return { allowed: true };
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

function refuse(why: string, openedBy: 'either' | 'list'): AddressVerdict {
  return { allowed: false, why, openedBy };
}
