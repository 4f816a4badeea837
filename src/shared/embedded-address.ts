import ipaddr from 'ipaddr.js';

export interface Embedded {
  /** Completes "is …": the notation that carries the IPv4 address. */
  form: string;
  address: ipaddr.IPv4;
}

type Groups = readonly number[];

/** Every notation by which an IPv6 address reaches an IPv4 host; the first that fits decides. */
const notations: readonly { form: string; fits: (groups: Groups) => boolean; read: (groups: Groups) => number[] }[] = [
  // RFC 4291, section 2.5.5: mapped and (deprecated) compatible; `::` and `::1` are addresses of their own.
  { form: 'the IPv4-mapped form', fits: (g) => isPrefix(g, [0, 0, 0, 0, 0, 0xffff]), read: lastFour },
  { form: 'the IPv4-compatible form', fits: (g) => isPrefix(g, [0, 0, 0, 0, 0, 0]) && !isLow(g), read: lastFour },
  // RFC 7915 (formerly 6145): translated by SIIT.
  { form: 'the IPv4-translated form', fits: (g) => isPrefix(g, [0, 0, 0, 0, 0xffff, 0]), read: lastFour },
  // RFC 6052: NAT64 by the well-known prefix.
  { form: 'the NAT64 form', fits: (g) => isPrefix(g, [0x64, 0xff9b, 0, 0, 0, 0]), read: lastFour },
  // RFC 3056: 6to4.
  { form: 'the 6to4 form', fits: (g) => isPrefix(g, [0x2002]), read: (g) => bytesOf(g, 1) },
  // RFC 4380: Teredo keeps the client's address inverted.
  {
    form: 'the Teredo form',
    fits: (g) => isPrefix(g, [0x2001, 0]),
    read: (g) => lastFour(g).map((byte) => byte ^ 0xff),
  },
  // RFC 5214: ISATAP marks the interface id under any prefix.
  { form: 'the ISATAP form', fits: (g) => (at(g, 4) & 0xfdff) === 0 && at(g, 5) === 0x5efe, read: lastFour },
];

export function embeddedIPv4(address: ipaddr.IPv6): Embedded | undefined {
  const notation = notations.find((candidate) => candidate.fits(address.parts));
  if (notation === undefined) return undefined;
  return { form: notation.form, address: new ipaddr.IPv4(notation.read(address.parts)) };
}

function isPrefix(groups: Groups, prefix: Groups): boolean {
  return prefix.every((group, index) => groups[index] === group);
}

function isLow(groups: Groups): boolean {
  return at(groups, 6) === 0 && at(groups, 7) <= 1;
}

function lastFour(groups: Groups): number[] {
  return bytesOf(groups, 6);
}

function bytesOf(groups: Groups, first: number): number[] {
  return [at(groups, first), at(groups, first + 1)].flatMap((group) => [group >> 8, group & 0xff]);
}

function at(groups: Groups, index: number): number {
  return groups[index] ?? 0;
}
