import { isIP } from 'node:net';
import { isHostEntry } from './host-list.ts';

/** What may follow in the query of SMTP_URL. Each is given to nodemailer under its name, and nothing else is. */
export interface SmtpOption {
  description: string;
  /** What a value may be, in words. */
  allowed: string;
  /** As one would write it. */
  default?: string;
  /** For the docs, where the default depends on something else. */
  defaultText?: string;
  /** @returns undefined for a value that is not allowed */
  read(text: string): string | number | boolean | undefined;
}

const flag = (otherwise: 'true' | 'false', description: string): SmtpOption => ({
  description,
  allowed: 'true or false',
  default: otherwise,
  read: (text) => (text === 'true' || text === 'false' ? text === 'true' : undefined),
});

const wholeNumber = (min: number, max: number, otherwise: number, description: string): SmtpOption => ({
  description,
  allowed: `a whole number from ${min} to ${max}`,
  default: String(otherwise),
  read: (text) => (/^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined),
});

const oneOf = (values: readonly string[], about: Pick<SmtpOption, 'description' | 'defaultText'>): SmtpOption => ({
  ...about,
  allowed: values.join(' or '),
  read: (text) => values.find((value) => value === text),
});

const hostName = (about: Pick<SmtpOption, 'description' | 'defaultText'>): SmtpOption => ({
  ...about,
  allowed: 'a host name',
  read: (text) => (isHostEntry(text) && isIP(text) === 0 && !/[/*[]/.test(text) ? text : undefined),
});

const HOUR_MS = 3_600_000;
const timeout = (otherwise: number, description: string) => wholeNumber(1, HOUR_MS, otherwise, description);

/**
 * In the order of the docs. Defaults are ours: a server that says nothing must cost less than the job's `timeoutMs`.
 * Left out is what weakens a connection quietly, logs the e-mails, or limits a rate within one process alone.
 */
export const smtpOptions: Readonly<Record<string, SmtpOption>> = {
  requireTLS: flag('false', 'With `smtp://`: sends nothing before the connection is encrypted.'),
  ignoreTLS: flag('false', 'With `smtp://`: does not encrypt, although the server offers it.'),
  'tls.rejectUnauthorized': flag('true', 'Whether the certificate of the server must be valid.'),
  'tls.servername': hostName({ description: 'The name in the certificate.', defaultText: 'the host' }),
  'tls.minVersion': oneOf(['TLSv1.2', 'TLSv1.3'], {
    description: 'The oldest TLS that is spoken.',
    defaultText: '`TLSv1.2`',
  }),
  authMethod: oneOf(['PLAIN', 'LOGIN', 'CRAM-MD5'], {
    description: 'How user and password are sent.',
    defaultText: 'the first that the server offers',
  }),
  name: hostName({
    description: 'What this machine calls itself to the server.',
    defaultText: 'its host name, or `[127.0.0.1]` where that has no dot',
  }),
  localAddress: {
    description: 'The address of this machine that connections come from.',
    allowed: 'an IP address',
    defaultText: 'that of the route',
    read: (text) => (isIP(text) === 0 ? undefined : text),
  },
  maxConnections: wholeNumber(1, 1000, 5, 'Connections of a process; further e-mails wait for one.'),
  maxMessages: wholeNumber(1, 1_000_000, 100, 'E-mails over one connection, which is then replaced.'),
  connectionTimeout: timeout(20_000, 'Milliseconds until a server that cannot be connected to is given up.'),
  dnsTimeout: timeout(20_000, 'Milliseconds of these for DNS.'),
  greetingTimeout: timeout(20_000, 'Milliseconds until one that does not greet is given up.'),
  socketTimeout: timeout(60_000, 'Milliseconds until one that says nothing later is given up.'),
  idleTimeout: wholeNumber(1, HOUR_MS, 240_000, 'Milliseconds after which a connection that is not used is closed.'),
};
