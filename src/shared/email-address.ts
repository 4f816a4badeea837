import { domainToASCII } from 'node:url';

/** An address as it stands in the head of an e-mail. */
export interface EmailAddress {
  /** What may be shown beside it. */
  name?: string | undefined;
  address: string;
}

const LOCAL = /^[^\s\p{C}()<>[\]\\,;:@"]{1,64}$/u;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const NAMED = /^(?<name>[^<>]*)<(?<address>[^<>]*)>$/;

/** Whether it is `local@domain`: without quotes and comments, which mail servers refuse anyway. */
export function isEmailAddress(text: string): boolean {
  const at = text.lastIndexOf('@');
  return LOCAL.test(text.slice(0, Math.max(at, 0))) && isDomain(domainOf(text));
}

/** Reads `ada@example.com` and `Ada Lovelace <ada@example.com>`. @returns undefined for anything else */
export function parseEmailAddress(text: string): EmailAddress | undefined {
  const { name, address = text } = NAMED.exec(text)?.groups ?? {};
  if (!isEmailAddress(address.trim()) || /\p{Cc}/u.test(text)) return undefined;
  const shown = name?.trim().replace(/^"(.*)"$/, '$1');
  return shown ? { name: shown, address: address.trim() } : { address: address.trim() };
}

/** The domain as mail servers know it: in lower case, other scripts as `xn--…`. */
export function domainOf(address: string): string {
  return domainToASCII(address.slice(address.lastIndexOf('@') + 1));
}

/** Two addresses with the same key reach the same mailbox, as far as anyone but its server can tell. */
export function emailKeyOf(address: string): string {
  return `${address.slice(0, address.lastIndexOf('@'))}@${domainOf(address)}`;
}

function isDomain(domain: string): boolean {
  return domain.length <= 253 && domain.split('.').every((label) => LABEL.test(label));
}
