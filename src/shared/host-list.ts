import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { FieldError } from './errors.ts';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** What an operator lists in OUTBOUND_ALLOW or OUTBOUND_HOSTS. */
export interface HostList {
  readonly ranges: readonly (readonly [Address, number])[];
  readonly hosts: ReadonlySet<string>;
  /** Of wildcards, with the dot: `.example.com`. */
  readonly suffixes: readonly string[];
}

type HostEntry = { range: readonly [Address, number] } | { host: string } | { suffix: string };

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/**
 * Reads a list of CIDR ranges, addresses, host names and wildcards such as `*.example.com`.
 * @param faults gets one entry for every unreadable one
 */
export function parseHostList(setting: string, entries: readonly string[], faults: FieldError[]): HostList {
  const ranges: (readonly [Address, number])[] = [];
  const hosts = new Set<string>();
  const suffixes: string[] = [];
  for (const entry of entries) {
    const read = readHostEntry(entry);
    if (read === undefined) faults.push({ path: setting, message: `"${entry}" is not ${HOST_ENTRY_KINDS}` });
    else if ('range' in read) ranges.push(read.range);
    else if ('host' in read) hosts.add(read.host);
    else suffixes.push(read.suffix);
  }
  return { ranges, hosts, suffixes };
}

const HOST_ENTRY_KINDS = 'a CIDR range, an address, a host name or a wildcard like *.example.com';

export function isHostEntry(entry: string): boolean {
  return readHostEntry(entry) !== undefined;
}

/** A wildcard stands for every name below it, at any depth, but not for the name itself. */
export function namesHost(list: HostList, host: string): boolean {
  const name = normalizeHost(host);
  return list.hosts.has(name) || list.suffixes.some((suffix) => name.length > suffix.length && name.endsWith(suffix));
}

export function holdsAddress(list: HostList, address: Address): boolean {
  return list.ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
}

/** Lower case, without the brackets of IPv6 literals and the final dot of absolute names. */
export function normalizeHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

function readHostEntry(entry: string): HostEntry | undefined {
  const text = entry.trim();
  const host = normalizeHost(text);
  if (text.includes('/')) return ipaddr.isValidCIDR(text) ? { range: ipaddr.parseCIDR(text) } : undefined;
  if (isIP(host) !== 0) return { range: wholeAddress(ipaddr.parse(host)) };
  const suffix = host.startsWith('*.') ? host.slice(1) : undefined;
  if (suffix !== undefined) return HOST_NAME.test(suffix.slice(1)) ? { suffix } : undefined;
  return HOST_NAME.test(host) ? { host } : undefined;
}

function wholeAddress(address: Address): [Address, number] {
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
