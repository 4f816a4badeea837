import { domainToASCII } from 'node:url';
import { smtpOptions } from './smtp-options.ts';

type OptionValue = string | number | boolean;

/** The server of SMTP_URL. */
export interface SmtpServer {
  host: string;
  /** Undefined: 465 with TLS from the start, else 587. */
  port: number | undefined;
  /** Whether TLS begins with the connection. */
  secure: boolean;
  auth: { user: string; pass: string } | undefined;
  /** All of {@link smtpOptions} that were given or have a default, by their names. */
  options: Record<string, OptionValue>;
  /** The same for those that begin with `tls.`, without that. */
  tls: Record<string, OptionValue>;
}

/**
 * Reads SMTP_URL.
 * @param faults gets one entry for everything that is wrong, to be read after "SMTP_URL". None shows a secret.
 * @returns undefined when there are faults, or when it is no URL of SMTP at all
 */
export function readSmtpUrl(text: string, faults: string[] = []): SmtpServer | undefined {
  const url = URL.parse(text);
  const isSmtp = url?.href.startsWith('smtp://') || url?.href.startsWith('smtps://');
  if (!url || !isSmtp) return undefined;
  // With an unescaped character a password ends too early: nothing of what seems to follow may be shown.
  if (`${url.pathname}${url.search}${url.hash}`.includes('@')) {
    faults.push('has an "@" behind the host; in a user name and a password write @ : / ? # as %40 %3A %2F %3F %23');
    return undefined;
  }
  const server = {
    ...readAddress(url, faults),
    auth: readAuth(url, faults),
    ...readOptions(url.searchParams, faults),
  };
  return faults.length === 0 ? server : undefined;
}

function readAddress({ protocol, hostname, port, pathname, hash }: URL, faults: string[]) {
  const host = domainToASCII(decode(hostname) ?? '').replace(/^\[(.*)\]$/, '$1');
  if (host === '') faults.push('names no host; allowed: smtp://user:password@host:587 and its like');
  if (port === '0') faults.push('has the port 0; allowed: a port from 1 to 65535');
  if (!['', '/'].includes(pathname) || hash !== '') {
    faults.push('goes on with "/" or "#" behind the host; allowed: nothing, or ? and options');
  }
  return { host, port: port === '' ? undefined : Number(port), secure: protocol === 'smtps:' };
}

function readAuth({ username, password }: URL, faults: string[]): SmtpServer['auth'] {
  const [user, pass] = [decode(username), decode(password)];
  if (user === undefined || pass === undefined) {
    faults.push('has a "%" in its user name or password that no two hexadecimal digits follow; write % as %25');
    return undefined;
  }
  return user === '' && pass === '' ? undefined : { user, pass };
}

function readOptions(given: URLSearchParams, faults: string[]): Pick<SmtpServer, 'options' | 'tls'> {
  for (const name of new Set(given.keys())) {
    if (!Object.hasOwn(smtpOptions, name)) {
      const all = Object.keys(smtpOptions).join(', ');
      faults.push(`has an option ${show(name)}, which is unknown; allowed: ${all}`);
    } else if (given.getAll(name).length > 1) faults.push(`has the option ${name} twice; allowed: once`);
  }
  if (given.get('requireTLS') === 'true' && given.get('ignoreTLS') === 'true') {
    faults.push('has requireTLS=true and ignoreTLS=true; allowed: one of them');
  }
  const options: SmtpServer['options'] = {};
  const tls: SmtpServer['tls'] = {};
  for (const [name, option] of Object.entries(smtpOptions)) {
    const text = given.get(name) ?? option.default;
    if (text === undefined) continue;
    const value = option.read(text);
    if (value === undefined) faults.push(`has the option ${name}=${show(text)}; allowed: ${option.allowed}`);
    else if (name.startsWith('tls.')) tls[name.slice('tls.'.length)] = value;
    else options[name] = value;
  }
  return { options, tls };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // the caller has words for it
  }
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
